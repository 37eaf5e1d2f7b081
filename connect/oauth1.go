package connect

import (
	"cmp"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

func oauth1Type() Type {
	return Type{
		Name: "oauth1", Summary: "OAuth 1.0 (RFC 5849): each request is signed with the secrets of a client and of a token.", Pinned: true,
		Fields: []Field{
			{Name: "consumer_key", Required: true, Summary: "Identifier of the client."},
			{Name: "consumer_secret", Required: true, Secret: true, Summary: "Secret of the client."},
			{Name: "token", Summary: "Token; empty for an API that only knows the client."},
			{Name: "token_secret", Secret: true, Summary: "Secret of the token."},
			{Name: "signature_method", Kind: FieldChoice, Choices: []string{"HMAC-SHA1", "HMAC-SHA256", "PLAINTEXT"}, Default: "HMAC-SHA1", Summary: "Method of the signature. `PLAINTEXT` sends the secrets themselves."},
			{Name: "realm", Summary: "`realm` of the header, if the server requires one."},
		},
		open: func(_ *Resolver, s settings) (any, error) {
			signer := oauth1Signer{s.Text}
			return changed(1, func(req *http.Request) error {
				return signer.sign(req, strconv.FormatInt(time.Now().Unix(), 10), rand.Text())
			}).sets("Authorization"), nil
		},
	}
}

// oauth1Signer signs with the settings of a connection. Safe for concurrent use.
type oauth1Signer struct{ settings map[string]string }

// sign adds the header of RFC 5849, section 3.5.1.
func (o oauth1Signer) sign(req *http.Request, timestamp, nonce string) error {
	protocol := []pair{
		{"oauth_consumer_key", o.settings["consumer_key"]}, {"oauth_nonce", nonce}, {"oauth_signature_method", o.settings["signature_method"]},
		{"oauth_timestamp", timestamp}, {"oauth_version", "1.0"},
	}
	if token := o.settings["token"]; token != "" {
		protocol = append(protocol, pair{"oauth_token", token})
	}
	signature, err := o.signature(req, protocol)
	if err != nil {
		return err
	}
	var parts []string
	if realm := o.settings["realm"]; realm != "" {
		parts = append(parts, fmt.Sprintf(`realm="%s"`, strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(realm)))
	}
	for _, p := range append(protocol, pair{"oauth_signature", signature}) {
		parts = append(parts, fmt.Sprintf(`%s="%s"`, p.name, percentEncode(p.value)))
	}
	req.Header.Set("Authorization", "OAuth "+strings.Join(parts, ", "))
	return nil
}

// signature returns that of sections 3.4.2 and 3.4.4, and HMAC-SHA256 in the same way.
func (o oauth1Signer) signature(req *http.Request, protocol []pair) (string, error) {
	key := percentEncode(o.settings["consumer_secret"]) + "&" + percentEncode(o.settings["token_secret"])
	function := sha1.New
	switch o.settings["signature_method"] {
	case "PLAINTEXT":
		return key, nil
	case "HMAC-SHA256":
		function = sha256.New
	}
	base, err := oauth1Base(req, protocol)
	if err != nil {
		return "", err
	}
	mac := hmac.New(function, []byte(key))
	mac.Write([]byte(base))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil)), nil
}

// oauth1Base returns the signature base string (section 3.4.1).
func oauth1Base(req *http.Request, protocol []pair) (string, error) {
	var encoded []string
	for _, p := range protocol {
		encoded = append(encoded, percentEncode(p.name)+"="+percentEncode(p.value))
	}
	encoded = append(encoded, normalizedPairs(req.URL.RawQuery)...)
	if kind, _, _ := mime.ParseMediaType(req.Header.Get("Content-Type")); kind == "application/x-www-form-urlencoded" {
		content, err := readBody(req)
		if err != nil {
			return "", err
		}
		encoded = append(encoded, normalizedPairs(string(content))...)
	}
	slices.SortFunc(encoded, comparePairs)
	host := strings.TrimSuffix(strings.ToLower(cmp.Or(req.Host, req.URL.Host)), map[string]string{"http": ":80", "https": ":443"}[req.URL.Scheme])
	target := req.URL.Scheme + "://" + host + cmp.Or(req.URL.EscapedPath(), "/")
	return req.Method + "&" + percentEncode(target) + "&" + percentEncode(strings.Join(encoded, "&")), nil
}

// comparePairs orders by name and then by value (section 3.4.1.3.2).
func comparePairs(a, b string) int {
	name, value, _ := strings.Cut(a, "=")
	otherName, otherValue, _ := strings.Cut(b, "=")
	if name != otherName {
		return strings.Compare(name, otherName)
	}
	return strings.Compare(value, otherValue)
}
