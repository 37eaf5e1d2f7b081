package cli

import (
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// testTimeout is how long tests wait for operations that usually take milliseconds.
const testTimeout = 30 * time.Second

// needsMinutes skips a test of several processes under load, or of their failures, in ./test --quick. Without the flag
// -short, as in ./test, it runs.
func needsMinutes(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("takes long: it runs without -short")
	}
}

// answer is the SmartSYNC response.
type answer struct {
	Success bool             `json:"success"`
	Output  []map[string]any `json:"output"`
	Error   struct {
		Code int    `json:"code"`
		Msg  string `json:"msg"`
	} `json:"error"`
}

// call sends a SmartSYNC request. It computes the check value independently, by the rule of the specification.
func call(t *testing.T, base, key, secret string, flow int, body string) (int, answer) {
	t.Helper()
	ts := fmt.Sprint(time.Now().Unix())
	signed := fmt.Sprintf("%d|%s|%s|", flow, key, ts)
	method, content := http.MethodGet, io.Reader(nil)
	if body != "" {
		signed += body + "|"
		method, content = http.MethodPost, strings.NewReader(body)
	}
	sum := md5.Sum([]byte(signed + secret))
	target := fmt.Sprintf("%s/apis/execute.php?flow=%d&key=%s&ts=%s&check=%s", base, flow, key, ts, hex.EncodeToString(sum[:]))
	req, err := http.NewRequestWithContext(t.Context(), method, target, content)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	client := http.Client{Timeout: testTimeout}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	var a answer
	if err := json.Unmarshal(data, &a); err != nil {
		t.Fatalf("status %d, not JSON: %s", resp.StatusCode, data)
	}
	return resp.StatusCode, a
}

// wantRobert fails unless the response contains the constituent of the SmartSYNC specification.
func wantRobert(t *testing.T, status int, a answer) {
	t.Helper()
	if status != http.StatusOK || !a.Success || len(a.Output) != 1 || a.Output[0]["id"] != "280" || a.Output[0]["first"] != "Robert" {
		t.Errorf("status %d, answer %+v; want constituent 280", status, a)
	}
}
