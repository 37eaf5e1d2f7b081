package httpstep

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"unicode/utf8"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/problem"
	"github.com/penstock/penstock/flows/steps/internal/content"
	"github.com/penstock/penstock/internal/budget"
	"github.com/penstock/penstock/internal/bulk"
	"github.com/penstock/penstock/internal/mask"
	"github.com/penstock/penstock/internal/payload"
)

// bodyFormat says how response bodies are read.
type bodyFormat struct {
	parse   string // value of the parameter; "" and "auto": by the content type
	charset string // label; "": that of the content type
	csv     payload.CSVDialect
	limit   int64 // maximum size of a body in bytes, decompressed
}

// parseBody decodes a response body. An empty body is null, and so is white space where it is no text. "bytes" are
// those that were sent, except for gzip, which the client of HTTP has removed, and for the secrets of ctx, which could not be found
// in base64.
func parseBody(ctx context.Context, charger *budget.Charger, format bodyFormat, header http.Header, body []byte) (any, error) {
	if len(body) == 0 {
		return nil, nil
	}
	as := format.parse
	if as != "bytes" {
		var err error
		if body, err = withoutCodings(charger, header, body, format.limit); err != nil {
			return nil, fmt.Errorf("the response cannot be read: %w; use parse: bytes", err)
		}
	}
	if err := charger.Charge(int64(len(body))); err != nil { // for the decoded text
		return nil, err
	}
	mediaType, params := contentType(header)
	charset := cmp.Or(format.charset, params["charset"])
	if as == "" || as == "auto" {
		as = parseFor(mediaType, body)
	}
	if as == "bytes" {
		body = []byte(mask.Of(ctx).Text(string(body)))
		return payload.EncodeBase64(body), charger.Charge(int64(base64.StdEncoding.EncodedLen(len(body))))
	}
	if as != "text" && len(bytes.TrimSpace(payload.TrimBOM(body))) == 0 {
		return nil, nil
	}
	if as == "xml" {
		return payload.ParseXML(charger, body, charset)
	}
	text, err := payload.DecodeText(charger, body, charset)
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
	case "ndjson":
		lines, err := payload.Lines(charger, text, maxLineDepth)
		if err != nil {
			return nil, fmt.Errorf("the response cannot be read: %w", err)
		}
		return flows.DecodeJSONOn(charger, lines)
	case "csv":
		return format.csv.Parse(charger, text)
	}
	return bulk.Text(text), nil
}

// setCSV reads the dialect of CSV.
func (s *step) setCSV(args *flows.Args) (err error) {
	object := args.Object("csv")
	if object == nil {
		return nil
	}
	switch s.parse {
	case "", "auto", "csv":
	default:
		return args.Refuse(problem.MeaninglessKey, "csv", "csv has no meaning with parse: %s", s.parse)
	}
	if s.csv, err = content.CSVDialect(object); err == nil && len(s.csv.Columns) > 0 && !s.csv.NoHeader {
		err = object.Errorf("columns", "columns name those of a file without a header: add header: false")
	}
	return err
}

// maxLineDepth is the maximum nesting of a value in NDJSON.
const maxLineDepth = 512

// withoutCodings returns a body without its content codings.
func withoutCodings(charger *budget.Charger, header http.Header, body []byte, limit int64) ([]byte, error) {
	codings, err := payload.Codings(header)
	if err != nil || len(codings) == 0 {
		return body, err
	}
	window := charger.Part()
	defer window.Drop()
	if err := window.Charge(payload.Window(codings, body)); err != nil {
		return nil, err
	}
	unpacked, closeAll, err := payload.Unpack(codings, body, limit)
	if err != nil {
		return nil, err
	}
	defer closeAll()
	return readAll(charger, unpacked, min(limit, 1<<20)+1)
}

func contentType(header http.Header) (string, map[string]string) {
	return payload.MediaType(header.Get("Content-Type"))
}

// parseFor returns the parser for a media type. Without a known media type, valid UTF-8 is text.
func parseFor(mediaType string, body []byte) string {
	switch form := payload.FormOf(mediaType); form {
	case payload.JSON, payload.XML, payload.CSV, payload.NDJSON, payload.Text:
		return string(form)
	case payload.URLEncoded:
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
