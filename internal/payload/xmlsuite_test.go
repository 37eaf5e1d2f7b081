package payload_test

import (
	"archive/zip"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/penstock/penstock/internal/payload"
)

// xmlSuites is the directory of the XML test suites.
const xmlSuites = "../../../shared/data/suites/xml"

// haveSuites skips the test where the suites are not; on CI they are.
func haveSuites(t *testing.T, dir string) {
	t.Helper()
	if _, err := os.Stat(dir); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("the suites are not here")
		}
		t.Skip("the suites are not here")
	}
}

// xmlDifferences are the documents of James Clark's tests that are read, or not, in spite of what the suite says, with the
// reason.
var xmlDifferences = map[string]string{
	"not-wf/sa/031.xml": "characters of comments and instructions are not checked",
	"not-wf/sa/032.xml": "characters of comments and instructions are not checked",
	"not-wf/sa/171.xml": "characters of comments and instructions are not checked",
	"not-wf/sa/172.xml": "characters of comments and instructions are not checked",
	"not-wf/sa/037.xml": "an empty text, and an escaped blank, may be outside of the root element",
	"not-wf/sa/048.xml": "an empty text, and an escaped blank, may be outside of the root element",
	"not-wf/sa/051.xml": "an empty text, and an escaped blank, may be outside of the root element",
	"not-wf/sa/052.xml": "an empty text, and an escaped blank, may be outside of the root element",
	"not-wf/sa/105.xml": "an empty text, and an escaped blank, may be outside of the root element",
	"not-wf/sa/106.xml": "an empty text, and an escaped blank, may be outside of the root element",
	"not-wf/sa/094.xml": "the XML declaration is not checked, but for its charset",
	"not-wf/sa/095.xml": "the XML declaration is not checked, but for its charset",
	"not-wf/sa/096.xml": "the XML declaration is not checked, but for its charset",
	"not-wf/sa/098.xml": "the XML declaration is not checked, but for its charset",
	"not-wf/sa/099.xml": "the XML declaration is not checked, but for its charset",
	"not-wf/sa/100.xml": "the XML declaration is not checked, but for its charset",
	"not-wf/sa/101.xml": "the XML declaration is not checked, but for its charset",
	"not-wf/sa/147.xml": "the XML declaration is not checked, but for its charset",
	"not-wf/sa/148.xml": "the XML declaration is not checked, but for its charset",
	"not-wf/sa/150.xml": "the XML declaration is not checked, but for its charset",
	"not-wf/sa/151.xml": "the XML declaration is not checked, but for its charset",
	"not-wf/sa/152.xml": "the XML declaration is not checked, but for its charset",
	"not-wf/sa/154.xml": "the XML declaration is not checked, but for its charset",
	"not-wf/sa/155.xml": "the XML declaration is not checked, but for its charset",
	"not-wf/sa/156.xml": "the XML declaration is not checked, but for its charset",
	"not-wf/sa/157.xml": "the XML declaration is not checked, but for its charset",
}

// James Clark's tests: what is valid is read, what is not well formed is refused, and no external entity is fetched.
func TestXMLSuite(t *testing.T) {
	t.Parallel()
	haveSuites(t, xmlSuites)
	archive, err := zip.OpenReader(filepath.Join(xmlSuites, "xmltest.zip"))
	if err != nil {
		t.Fatal(err)
	}
	defer archive.Close()
	ran, differs, dtds := 0, 0, 0
	for _, f := range archive.File {
		valid := strings.HasPrefix(f.Name, "xmltest/valid/sa/") && !strings.Contains(f.Name, "/out/")
		if !valid && !strings.HasPrefix(f.Name, "xmltest/not-wf/sa/") || !strings.HasSuffix(f.Name, ".xml") {
			continue
		}
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		ran++
		_, err = payload.ParseXML(nil, text, "")
		name := strings.TrimPrefix(f.Name, "xmltest/")
		why := xmlDifferences[name]
		if (err == nil) != valid && strings.Contains(string(text), "<!DOCTYPE") {
			dtds++ // a DTD is skipped: it is not checked, and its entities are not expanded
			continue
		}
		switch {
		case (err == nil) == valid && why != "":
			t.Errorf("%s does not differ", name)
		case (err == nil) == valid:
		case why == "":
			t.Errorf("%s: %v\n%.300s", name, err, text)
		default:
			differs++
		}
	}
	if ran < 300 || differs != len(xmlDifferences) {
		t.Errorf("%d documents, %d differ of %d listed", ran, differs, len(xmlDifferences))
	}
	t.Logf("%d documents, %d differ, and %d with a DTD", ran, differs, dtds)
}

// soapDifferences are the documents of the SOAP suite that are not read, with the reason.
var soapDifferences = map[string]string{
	"SetResource__should_correctly_set_element_if_complex-type_has_same_name/response.xml": "the prefix ns is not declared",
	"addPets__force_namespaces/request.xml":                                                "expected element name after <",
	"fooOp__should_return_back_good_response_object/response.xml":                          "element <cus:responseHeader> closed by </ns2:requestHeader>",
}

// Every document of the SOAP suite is read, with and without prefixes, and both have the same texts.
func TestSOAPSuite(t *testing.T) {
	t.Parallel()
	haveSuites(t, xmlSuites)
	files, err := filepath.Glob(filepath.Join(xmlSuites, "soap", "*", "re*.xml"))
	if err != nil || len(files) < 100 {
		t.Fatalf("%d files: %v", len(files), err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		plain, err := payload.ParseXML(nil, text, "")
		prefixed, err2 := payload.ParsePrefixedXML(nil, text, "")
		if text[0] != '<' { // MIME parts, of which one is the document
			if err == nil {
				t.Errorf("%s: a text is read as a document", file)
			}
			continue
		}
		if why := soapDifferences[filepath.Join(filepath.Base(filepath.Dir(file)), filepath.Base(file))]; why != "" {
			if err == nil || !strings.Contains(err.Error(), why) {
				t.Errorf("%s: %v, want %s", file, err, why)
			}
			continue
		}
		if err != nil || err2 != nil {
			t.Errorf("%s: %v, %v", file, err, err2)
			continue
		}
		if got, want := leaves(plain), leaves(prefixed); got != want {
			t.Errorf("%s: %d bytes without prefixes, %d with them\n%s", file, got, want, text)
		}
	}
}

// leaves adds the lengths of the texts of a document, without declarations of namespaces.
func leaves(v any) (n int) {
	switch v := v.(type) {
	case map[string]any:
		for name, member := range v {
			if name != "@xmlns" && !strings.HasPrefix(name, "@xmlns:") {
				n += leaves(member)
			}
		}
	case []any:
		for _, one := range v {
			n += leaves(one)
		}
	case string:
		n = len(v)
	}
	return n
}
