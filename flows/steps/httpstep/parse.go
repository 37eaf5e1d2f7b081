package httpstep

import (
	"encoding/base64"
	"fmt"
	"mime"
	"net/http"
	"unicode/utf8"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/internal/budget"
	"github.com/penstock/penstock/internal/bulk"
	"github.com/penstock/penstock/internal/payload"
)

// parseBody decodes a response body: as the flow says or, for "auto" and "", by the content type. An empty body is
// null.
func parseBody(charger *budget.Charger, as string, header http.Header, body []byte) (any, error) {
	if len(body) == 0 {
		return nil, nil
	}
	if err := charger.Charge(int64(len(body))); err != nil { // for the decoded text
		return nil, err
	}
	mediaType, params := contentType(header)
	if as == "" || as == "auto" {
		as = parseFor(mediaType, body)
	}
	if as == "bytes" {
		return payload.EncodeBase64(body), charger.Charge(int64(base64.StdEncoding.EncodedLen(len(body))))
	}
	if coding := header.Get("Content-Encoding"); coding != "" && coding != "identity" {
		return nil, fmt.Errorf("the response is compressed with %q; only gzip is understood, or parse: bytes", coding)
	}
	if as == "xml" {
		return payload.ParseXML(charger, body, params["charset"])
	}
	text, err := payload.DecodeText(charger, body, params["charset"])
	if err != nil {
		return nil, fmt.Errorf("the response cannot be read: %w; use parse: bytes", err)
	}
	switch as {
	case "json":
		v, err := flows.DecodeJSONOn(charger, text)
		if err != nil {
			return nil, fmt.Errorf("the response cannot be read: %w", err)
		}
		return v, nil
	case "csv":
		return payload.ParseCSV(charger, text)
	}
	return bulk.Text(text), nil
}

func contentType(header http.Header) (string, map[string]string) {
	mediaType, params, err := mime.ParseMediaType(header.Get("Content-Type"))
	if err != nil {
		return "", nil
	}
	return mediaType, params
}

// parseFor returns the parser for a media type. Without a known media type, valid UTF-8 is text.
func parseFor(mediaType string, body []byte) string {
	switch form := payload.FormOf(mediaType); form {
	case payload.JSON, payload.XML, payload.CSV, payload.Text:
		return string(form)
	case payload.URLEncoded, payload.NDJSON:
		return "text"
	case "":
		if utf8.Valid(body) {
			return "text"
		}
	}
	return "bytes"
}

// isText reports whether an excerpt of a body can be shown.
func isText(mediaType string) bool {
	switch payload.FormOf(mediaType) {
	case payload.Bytes, payload.Multipart, "":
		return false
	}
	return true
}
