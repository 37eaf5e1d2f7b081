package script

import (
	"crypto/hmac"
	"crypto/md5"  //nolint:gosec // some APIs ask for it
	"crypto/sha1" //nolint:gosec // likewise
	"crypto/sha256"
	"crypto/sha512"
	_ "embed"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"net/url"
	"regexp"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/htmlindex"
	"modernc.org/quickjs"

	"github.com/penstock/penstock/flows"
)

// web.js defines the objects over the functions of webHost.
//
//go:embed web.js
var webSource string

// webNames matches what web.js defines. A script that names none of it is evaluated without.
var webNames = regexp.MustCompile(`\b(console|TextEncoder|TextDecoder|URL|URLSearchParams|atob|btoa|hash|hmac)\b`)

// hostName is the name of the function of webHost until web.js has it.
const hostName = "__host"

// webLine is the line before those of web.js. The engine names no files: lines from here on are not those of a script.
const webLine = 1 << 16

// defineWeb defines what a script names of web.js. What it logs is appended to lines.
func defineWeb(vm *quickjs.VM, code string, lines *[]flows.ScriptLine) error {
	if !webNames.MatchString(code) {
		return nil
	}
	host := webHost{lines: lines}
	if err := vm.RegisterHostFunc(hostName, host.call); err != nil {
		return fmt.Errorf("extend JavaScript engine: %w", err)
	}
	defined, err := vm.EvalValue(strings.Repeat("\n", webLine)+strings.TrimRight(webSource, "\n")+"("+hostName+"); delete globalThis."+hostName, quickjs.EvalGlobal)
	if err == nil {
		defined.Free()
	}
	return err
}

// Limits of what a script logs.
const (
	maxLines    = 100
	maxLineText = 2000 // bytes of a line, and of its values
)

// webHost has the functions of this process that web.js uses.
type webHost struct{ lines *[]flows.ScriptLine }

// call calls a function. Bytes are texts of characters from 0 to 255. An error becomes an exception.
func (h webHost) call(args []any) (any, error) {
	texts := make([]string, 6)
	for i := range min(len(args), len(texts)) {
		texts[i], _ = args[i].(string)
	}
	switch name, a, b, c := texts[0], texts[1], texts[2], texts[3]; name {
	case "log":
		return h.log(a, b, c), nil
	case "encode":
		return byteText([]byte(a)), nil
	case "charset":
		coding, err := htmlindex.Get(a)
		if err != nil {
			return nil, fmt.Errorf("TextDecoder: the charset %.40q is none of the WHATWG Encoding standard", a)
		}
		return htmlindex.Name(coding)
	case "decode":
		return decodeText(a, b, c == "true")
	case "unescape":
		return unescape(a), nil
	case "url":
		return parseURL(a, b)
	case "atob":
		text := strings.TrimRight(strings.Join(strings.Fields(a), ""), "=")
		decoded, err := base64.RawStdEncoding.DecodeString(text)
		if err != nil {
			return nil, errors.New("atob: the text is not base64")
		}
		return byteText(decoded), nil
	case "btoa":
		content, err := bytesOf(a)
		if err != nil {
			return nil, errors.New("btoa: the text has a character above 255; encode it first")
		}
		return base64.StdEncoding.EncodeToString(content), nil
	case "hash":
		make, err := algorithm("hash", a)
		if err != nil {
			return nil, err
		}
		return digest("hash", make(), b, c)
	case "hmac":
		make, err := algorithm("hmac", a)
		if err != nil {
			return nil, err
		}
		key, err := bytesOf(b)
		if err != nil {
			return nil, err
		}
		return digest("hmac", hmac.New(make, key), c, texts[4])
	}
	return nil, errors.New("there is no such function")
}

// log keeps a line, as far as there is room. values are JSON, or empty.
func (h webHost) log(level, message, values string) string {
	switch n := len(*h.lines); {
	case n == maxLines:
		*h.lines = append(*h.lines, flows.ScriptLine{Level: "warn", Message: fmt.Sprintf("the script logs more than %d lines", maxLines)})
	case n < maxLines:
		line := flows.ScriptLine{Level: level, Message: shorten(message)}
		if len(values) > maxLineText {
			line.Message += " (values too large to keep)"
		} else if values != "" {
			line.Values = json.RawMessage(values)
		}
		*h.lines = append(*h.lines, line)
	}
	return ""
}

// shorten cuts a text to maxLineText bytes, between characters.
func shorten(text string) string {
	if len(text) <= maxLineText {
		return text
	}
	end := maxLineText
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + "…"
}

// byteText returns bytes as characters from 0 to 255.
func byteText(content []byte) string {
	var b strings.Builder
	b.Grow(len(content) * 2)
	for _, c := range content {
		b.WriteRune(rune(c))
	}
	return b.String()
}

// bytesOf is the reverse of byteText.
func bytesOf(text string) ([]byte, error) {
	content := make([]byte, 0, len(text))
	for _, c := range text {
		if c > 255 {
			return nil, errors.New("expected bytes")
		}
		content = append(content, byte(c))
	}
	return content, nil
}

func decodeText(charset, text string, fatal bool) (string, error) {
	content, err := bytesOf(text)
	if err != nil {
		return "", err
	}
	coding, err := htmlindex.Get(charset)
	if err != nil {
		return "", err
	}
	if charset == "utf-8" {
		content = []byte(strings.TrimPrefix(string(content), "\ufeff"))
		if fatal && !utf8.Valid(content) {
			return "", errors.New("TextDecoder: the bytes are no UTF-8")
		}
		return strings.ToValidUTF8(string(content), "\ufffd"), nil
	}
	if coding == encoding.Replacement {
		return "", fmt.Errorf("TextDecoder: %s is not read", charset)
	}
	decoded, err := coding.NewDecoder().Bytes(content)
	if err != nil || fatal && strings.ContainsRune(string(decoded), utf8.RuneError) {
		return "", fmt.Errorf("TextDecoder: the bytes are no %s", charset)
	}
	return string(decoded), nil
}

// unescape decodes a part of a query. A % that begins no byte stays.
func unescape(text string) string {
	text = strings.ReplaceAll(text, "+", " ")
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] == '%' && i+2 < len(text) {
			if c, err := hex.DecodeString(text[i+1 : i+3]); err == nil {
				b.Write(c)
				i += 2
				continue
			}
		}
		b.WriteByte(text[i])
	}
	return strings.ToValidUTF8(b.String(), "\ufffd")
}

// parseURL returns the parts of an absolute URL as JSON, by RFC 3986.
func parseURL(text, base string) (string, error) {
	parsed, err := url.Parse(strings.TrimSpace(text))
	if err == nil && base != "" {
		var to *url.URL
		if to, err = url.Parse(strings.TrimSpace(base)); err == nil {
			parsed = to.ResolveReference(parsed)
		}
	}
	if err != nil || parsed.Scheme == "" || parsed.Host == "" {
		return "", errors.New("URL: the text is no absolute URL")
	}
	port, path := parsed.Port(), parsed.EscapedPath()
	if parsed.Scheme == "https" && port == "443" || parsed.Scheme == "http" && port == "80" {
		port = ""
	}
	if path == "" {
		path = "/"
	}
	fragment := parsed.EscapedFragment()
	if fragment != "" {
		fragment = "#" + fragment
	}
	host := strings.ToLower(parsed.Hostname())
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	username, password, _ := strings.Cut(parsed.User.String(), ":")
	parts, err := json.Marshal(map[string]string{
		"protocol": parsed.Scheme + ":", "username": username, "password": password,
		"hostname": host, "port": port, "pathname": path, "query": parsed.RawQuery, "hash": fragment,
	})
	return string(parts), err
}

func algorithm(function, name string) (func() hash.Hash, error) {
	switch strings.ToLower(strings.ReplaceAll(name, "-", "")) {
	case "md5":
		return md5.New, nil
	case "sha1":
		return sha1.New, nil
	case "sha256":
		return sha256.New, nil
	case "sha384":
		return sha512.New384, nil
	case "sha512":
		return sha512.New, nil
	}
	return nil, fmt.Errorf("%s: %.40q is no algorithm: expected md5, sha1, sha256, sha384 or sha512", function, name)
}

func digest(function string, h hash.Hash, text, encoding string) (string, error) {
	content, err := bytesOf(text)
	if err != nil {
		return "", err
	}
	h.Write(content)
	switch encoding {
	case "hex":
		return hex.EncodeToString(h.Sum(nil)), nil
	case "base64":
		return base64.StdEncoding.EncodeToString(h.Sum(nil)), nil
	case "base64url":
		return base64.RawURLEncoding.EncodeToString(h.Sum(nil)), nil
	}
	return "", fmt.Errorf("%s: %.40q is no encoding: expected hex, base64 or base64url", function, encoding)
}
