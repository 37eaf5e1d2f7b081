package connect

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/penstock/penstock/store"
)

// The signatures of the test suite that AWS has published for version 4, and of its examples for IAM and S3.
func TestAWSSignatures(t *testing.T) {
	t.Parallel()
	suite := awsSigner{id: "AKIDEXAMPLE", secret: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", region: "us-east-1", service: "service"}
	iam := suite
	iam.service = "iam"
	at := time.Date(2015, 8, 30, 12, 36, 0, 0, time.UTC)
	for _, c := range []struct {
		name, method, url, contentType, body string
		signer                               awsSigner
		want                                 string
	}{
		{"get-vanilla", "GET", "https://example.amazonaws.com/", "", "", suite, "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
		{"get-vanilla-query-order-key-case", "GET", "https://example.amazonaws.com/?Param2=value2&Param1=value1", "", "", suite, "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"},
		{"get-slash", "GET", "https://example.amazonaws.com//", "", "", suite, "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
		{"get-relative-relative", "GET", "https://example.amazonaws.com/example1/example2/../..", "", "", suite, "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
		{"get-slashes", "GET", "https://example.amazonaws.com//example//", "", "", suite, "9a624bd73a37c9a373b5312afbebe7a714a789de108f0bdfe846570885f57e84"},
		{"get-slash-pointless-dot", "GET", "https://example.amazonaws.com/./example", "", "", suite, "ef75d96142cf21edca26f06005da7988e4f8dc83a165a80865db7089db637ec5"},
		{"post-x-www-form-urlencoded", "POST", "https://example.amazonaws.com/", "application/x-www-form-urlencoded", "Param1=value1", suite, "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a"},
		{"IAM", "GET", "https://iam.amazonaws.com/?Action=ListUsers&Version=2010-05-08", "application/x-www-form-urlencoded; charset=utf-8", "", iam, "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"},
	} {
		req, err := http.NewRequestWithContext(t.Context(), c.method, c.url, strings.NewReader(c.body))
		if err != nil {
			t.Fatal(err)
		}
		if c.contentType != "" {
			req.Header.Set("Content-Type", c.contentType)
		}
		if err := c.signer.sign(req, at); err != nil {
			t.Fatal(err)
		}
		if got := req.Header.Get("Authorization"); !strings.HasSuffix(got, "Signature="+c.want) || !strings.Contains(got, "Credential=AKIDEXAMPLE/20150830/us-east-1/"+c.signer.service+"/aws4_request, ") {
			t.Errorf("%s: %s, want the signature %s", c.name, got, c.want)
		}
		if body, err := io.ReadAll(req.Body); string(body) != c.body || err != nil {
			t.Errorf("%s: the body is %q, %v", c.name, body, err)
		}
	}
}

// What is signed is what is sent: blanks, characters outside of ASCII and the body arrive as they were.
func TestAWSConnection(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		io.WriteString(w, strings.Join([]string{r.URL.EscapedPath(), r.URL.RawQuery, r.Header.Get("X-Amz-Security-Token"), r.Header.Get("X-Amz-Content-Sha256"), string(body), r.Header.Get("Authorization")[:36]}, "|"))
	}))
	t.Cleanup(server.Close)
	p := newTestFleet(t).newProcess()
	p.put(store.Connection{Name: "aws", Type: "aws_sigv4", Hosts: []string{server.URL}, Settings: map[string]string{
		"access_key_id": "AKID", "secret_access_key": "s3cret", "session_token": "t0ken", "region": "eu-west-1", "service": "s3",
	}})
	_, body, err := p.call(t.Context(), "aws", "PUT", server.URL+"/a%20b/%C3%A9?x=1+2&b&a=%2F", "content")
	want := "/a%20b/%C3%A9|a=%2F&b=&x=1%202|t0ken|" + hexHash([]byte("content")) + "|content|AWS4-HMAC-SHA256 Credential=AKID/202"
	if want = want[:len(want)-3]; err != nil || !strings.HasPrefix(body, want) {
		t.Errorf("%s, %v\nwant %s", body, err, want)
	}
}
