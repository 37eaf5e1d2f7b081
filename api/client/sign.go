package client

import (
	"bytes"
	"crypto/hmac"
	"crypto/md5" // the SmartSYNC protocol fixes the hash
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// authorize adds the client's credentials to a request of the native door.
func (c *Client) authorize(r *http.Request, body []byte) {
	switch {
	case c.config.Token != "":
		r.Header.Set("Authorization", "Bearer "+c.config.Token)
	case c.config.User != "":
		r.SetBasicAuth(c.config.User, c.config.Password)
	default:
		ts := c.timestamp()
		h := hmac.New(sha256.New, []byte(c.config.Secret))
		h.Write([]byte(ts + "."))
		h.Write(body)
		r.Header.Set("Penstock-Key", c.config.Key)
		r.Header.Set("Penstock-Signature", "t="+ts+",v1="+hex.EncodeToString(h.Sum(nil)))
	}
}

func (c *Client) timestamp() string { return strconv.FormatInt(c.config.Now().Unix(), 10) }

// Check returns the check value of a request at the SmartSYNC door: the MD5 of
// the parameters' values in the order of their names, of the body without the
// white space around it and without line breaks, and of the secret, all joined
// with "|". A parameter named check is left out.
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
