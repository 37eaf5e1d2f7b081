package client

import (
	"bytes"
	"crypto/hmac"
	"crypto/md5" // the SmartSYNC protocol fixes the hash
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// authorize adds the client's credentials to a request to the native API.
func (c *Client) authorize(r *http.Request, body []byte) {
	switch {
	case c.config.Token != "":
		r.Header.Set("Authorization", "Bearer "+c.config.Token)
	case c.config.User != "":
		r.SetBasicAuth(c.config.User, c.config.Password)
	default:
		ts := c.timestamp()
		r.Header.Set("Penstock-Key", c.config.Key)
		r.Header.Set("Penstock-Signature", Signature(r.Method, r.URL.RequestURI(), c.config.Key, ts, rand.Text(), body, c.config.Secret))
	}
}

// Signature returns the header Penstock-Signature: an HMAC-SHA256 over the signature base of RFC 9421 with method,
// target (the path with the query string, as sent), digest of the body, time, nonce and key. A nonce is 1 to 64
// letters, digits, '-' or '_', and must be different for each request.
func Signature(method, target, key, ts, nonce string, body []byte, secret string) string {
	digest := sha256.Sum256(body)
	h := hmac.New(sha256.New, []byte(secret))
	fmt.Fprintf(h, "\"@method\": %s\n\"@request-target\": %s\n\"content-digest\": sha-256=:%s:\n", method, target, base64.StdEncoding.EncodeToString(digest[:]))
	fmt.Fprintf(h, `"@signature-params": ("@method" "@request-target" "content-digest");created=%s;nonce="%s";keyid="%s"`, ts, nonce, key)
	return "t=" + ts + ",n=" + nonce + ",v2=" + hex.EncodeToString(h.Sum(nil))
}

func (c *Client) timestamp() string { return strconv.FormatInt(c.config.Now().Unix(), 10) }

// Check returns the check value of a request to the SmartSYNC API: the MD5 of the parameter values in the order of
// their names, the body without surrounding white space and without line breaks, and the secret, joined with "|". A
// parameter named check is left out.
func Check(params map[string]string, body []byte, secret string) string {
	names := make([]string, 0, len(params))
	for name := range params {
		if name != "check" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	var values []string
	for _, name := range names {
		values = append(values, params[name])
	}
	if signed := strings.NewReplacer("\r", "", "\n", "").Replace(string(bytes.Trim(body, " \t\n\r\x00\x0b"))); signed != "" {
		values = append(values, signed)
	}
	sum := md5.Sum([]byte(strings.Join(append(values, secret), "|")))
	return hex.EncodeToString(sum[:])
}
