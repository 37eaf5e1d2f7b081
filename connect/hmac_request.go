package connect

import (
	"cmp"
	"crypto/hmac"
	"crypto/md5"
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"
)

func hmacRequestType() Type {
	return Type{
		Name: "hmac_request", Summary: "A signature by HMAC (RFC 2104) over parts of the request, as an API defines it.", Pinned: true,
		Fields: []Field{
			{Name: "key", Required: true, Secret: true, Summary: "Key of the signature."},
			{Name: "key_encoding", Kind: FieldChoice, Choices: []string{"text", "base64", "hex"}, Default: "text", Summary: "How the key is written."},
			{Name: "algorithm", Kind: FieldChoice, Choices: []string{"sha256", "sha1", "sha512", "md5"}, Default: "sha256", Summary: "Hash function of the HMAC."},
			{Name: "sign", Kind: FieldLines, Required: true, Summary: "What is signed, with [parts of the request](#signed-requests) in braces: `{timestamp}{method}{target}{body}`."},
			{Name: "signature_encoding", Kind: FieldChoice, Choices: []string{"hex", "base64", "base64url"}, Default: "hex", Summary: "How the signature is written."},
			{Name: "headers", Kind: FieldPairs, Summary: "Headers to add, one per line: `X-Signature: {signature}`."},
			{Name: "query", Kind: FieldPairs, Summary: "Query parameters to add, one per line. Those without `{signature}` are added before the request is signed."},
		},
		open: openHMACRequest,
	}
}

// requestSigner has the settings of a connection. Safe for concurrent use.
type requestSigner struct {
	key            []byte
	function       func() hash.Hash
	encode         func([]byte) string
	sign           string
	headers, query []pair
}

func openHMACRequest(_ *Resolver, s settings) (any, error) {
	h, err := newRequestSigner(s)
	if err != nil {
		return nil, err
	}
	names := make([]string, len(h.headers))
	for i, p := range h.headers {
		names[i] = p.name
	}
	return changed(1, func(req *http.Request) error { return h.apply(req, time.Now(), rand.Text()) }).sets(names...), nil
}

func newRequestSigner(s settings) (*requestSigner, error) {
	h := &requestSigner{sign: s.Text["sign"]}
	var err error
	switch s.Text["key_encoding"] {
	case "base64":
		h.key, err = base64.StdEncoding.DecodeString(s.Text["key"])
	case "hex":
		h.key, err = hex.DecodeString(s.Text["key"])
	default:
		h.key = []byte(s.Text["key"])
	}
	if err != nil || len(h.key) == 0 {
		return nil, fmt.Errorf("key is no %s", s.Text["key_encoding"])
	}
	h.function = map[string]func() hash.Hash{"sha256": sha256.New, "sha1": sha1.New, "sha512": sha512.New, "md5": md5.New}[s.Text["algorithm"]]
	h.encode = map[string]func([]byte) string{
		"hex": hex.EncodeToString, "base64": base64.StdEncoding.EncodeToString, "base64url": base64.RawURLEncoding.EncodeToString,
	}[s.Text["signature_encoding"]]
	if h.headers, err = readPairs("headers", s.Text["headers"]); err != nil {
		return nil, err
	}
	if h.query, err = readPairs("query", s.Text["query"]); err != nil {
		return nil, err
	}
	return h, h.check()
}

// requestPart is a place of a template.
var requestPart = regexp.MustCompile(`\{[a-z0-9_]+\}`)

// requestParts are the parts of a request by their names in templates.
var requestParts = map[string]func(req *http.Request, body []byte, now time.Time, nonce string) string{
	"{method}": func(req *http.Request, _ []byte, _ time.Time, _ string) string { return req.Method },
	"{host}":   func(req *http.Request, _ []byte, _ time.Time, _ string) string { return cmp.Or(req.Host, req.URL.Host) },
	"{path}": func(req *http.Request, _ []byte, _ time.Time, _ string) string {
		return cmp.Or(req.URL.EscapedPath(), "/")
	},
	"{query}":        func(req *http.Request, _ []byte, _ time.Time, _ string) string { return req.URL.RawQuery },
	"{target}":       func(req *http.Request, _ []byte, _ time.Time, _ string) string { return req.URL.RequestURI() },
	"{content_type}": func(req *http.Request, _ []byte, _ time.Time, _ string) string { return req.Header.Get("Content-Type") },
	"{body}":         func(_ *http.Request, body []byte, _ time.Time, _ string) string { return string(body) },
	"{body_sha256}":  func(_ *http.Request, body []byte, _ time.Time, _ string) string { return hexHash(body) },
	"{body_sha256_base64}": func(_ *http.Request, body []byte, _ time.Time, _ string) string {
		sum := sha256.Sum256(body)
		return base64.StdEncoding.EncodeToString(sum[:])
	},
	"{body_md5_base64}": func(_ *http.Request, body []byte, _ time.Time, _ string) string {
		sum := md5.Sum(body)
		return base64.StdEncoding.EncodeToString(sum[:])
	},
	"{timestamp}": func(_ *http.Request, _ []byte, now time.Time, _ string) string {
		return strconv.FormatInt(now.Unix(), 10)
	},
	"{timestamp_ms}": func(_ *http.Request, _ []byte, now time.Time, _ string) string {
		return strconv.FormatInt(now.UnixMilli(), 10)
	},
	"{time}": func(_ *http.Request, _ []byte, now time.Time, _ string) string { return now.UTC().Format(time.RFC3339) },
	"{date}": func(_ *http.Request, _ []byte, now time.Time, _ string) string {
		return now.UTC().Format(http.TimeFormat)
	},
	"{nonce}": func(_ *http.Request, _ []byte, _ time.Time, nonce string) string { return nonce },
}

const signaturePart = "{signature}"

// check checks the templates.
func (h *requestSigner) check() error {
	signed := false
	for _, p := range append(append([]pair{{"sign", h.sign}}, h.headers...), h.query...) {
		for _, part := range requestPart.FindAllString(p.value, -1) {
			if part == signaturePart && p.name != "sign" {
				signed = true
			} else if requestParts[part] == nil {
				return fmt.Errorf("%.40s: %.40s is no part of a request", p.name, part)
			}
		}
	}
	for _, p := range h.headers {
		if !httpguts.ValidHeaderFieldName(p.name) || !httpguts.ValidHeaderFieldValue(p.value) || frames(p.name) {
			return fmt.Errorf("headers: the header %.60q cannot be sent", p.name)
		}
	}
	if !signed {
		return errors.New("{signature} is neither in headers nor in query")
	}
	return nil
}

// apply adds the query, the signature and the headers to a request.
func (h *requestSigner) apply(req *http.Request, now time.Time, nonce string) error {
	body, err := readBody(req)
	if err != nil {
		return err
	}
	signature := ""
	fill := func(template string) string {
		return requestPart.ReplaceAllStringFunc(template, func(part string) string {
			if part == signaturePart {
				return signature
			}
			return requestParts[part](req, body, now, nonce)
		})
	}
	addPairs := func(signed bool) {
		for _, p := range h.query {
			if strings.Contains(p.value, signaturePart) == signed {
				setQuery(req.URL, p.name, fill(p.value))
			}
		}
	}
	addPairs(false)
	mac := hmac.New(h.function, h.key)
	mac.Write([]byte(fill(h.sign)))
	signature = h.encode(mac.Sum(nil))
	addPairs(true)
	for _, p := range h.headers {
		value := fill(p.value)
		if !httpguts.ValidHeaderFieldValue(value) {
			return fmt.Errorf("the header %s of the connection would have a control character in it", p.name)
		}
		req.Header.Set(p.name, value)
	}
	return nil
}
