package flows_test

import (
	"strings"
	"testing"

	"github.com/penstock/penstock/flows"
)

func TestTheFolderOfAFlow(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a", 32)
	for text, want := range map[string]string{
		"": "", "folder: crm\n": "crm", "folder: crm/contacts\n": "crm/contacts", "folder: \"2026\"\n": "2026", "folder: a-b/c/d/e\n": "a-b/c/d/e",
		"folder: " + long + "/" + long + "\n": long + "/" + long,
	} {
		flow, err := flows.Parse("f.yaml", []byte("flow: 1\n"+text+"steps: [{set: {a: 1}}]\n"), catalogue())
		if err != nil || flow.Folder != want {
			t.Errorf("%q: %v", text, err)
		}
	}
	for text, want := range map[string]string{
		`""`: `"" is no folder`, "/crm": "write crm", "CRM": "write crm", "crm/": "write crm", "a//b": "is no folder", "a/b/c/d/e": "is no folder", "../a": "is no folder",
		"-a": "is no folder", "a_b": "is no folder", "a/-b": "is no folder", long + "a": "is no folder", "[a]": "folder", "é": "is no folder",
	} {
		_, err := flows.Parse("f.yaml", []byte("flow: 1\nfolder: "+text+"\nsteps: [{set: {a: 1}}]\n"), catalogue())
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

func TestWhatIsInAFolder(t *testing.T) {
	t.Parallel()
	for pair, want := range map[[2]string]bool{
		{"", ""}: true, {"crm", ""}: true, {"crm", "crm"}: true, {"crm/a", "crm"}: true, {"crm/a/b", "crm"}: true,
		{"", "crm"}: false, {"crm", "crm/a"}: false, {"crm-b", "crm"}: false, {"crma", "crm"}: false, {"b", "crm"}: false,
	} {
		if got := flows.InFolder(pair[0], pair[1]); got != want {
			t.Errorf("InFolder(%q, %q) = %v", pair[0], pair[1], got)
		}
	}
}
