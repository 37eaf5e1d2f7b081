package httpstep

import (
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/internal/budget"
	"github.com/penstock/penstock/internal/bulk"
)

// httpResponse is an expected response, read and parsed.
type httpResponse struct {
	url    *url.URL // of the last request, after redirects
	status int
	header http.Header
	body   any
	size   int64 // size of the decompressed body in bytes
}

// item returns the response as an item.
func (a *httpResponse) item() map[string]any {
	headers := make(map[string]any, len(a.header))
	for name, values := range a.header {
		if name == "Set-Cookie" { // its values have commas (RFC 6265, section 3)
			headers["set-cookie"] = headerList(values)
			continue
		}
		headers[strings.ToLower(name)] = strings.ToValidUTF8(strings.Join(values, ", "), "\uFFFD")
	}
	return map[string]any{"status": a.status, "headers": headers, "body": a.body}
}

func headerList(values []string) []any {
	list := make([]any, len(values))
	for i, value := range values {
		list[i] = strings.ToValidUTF8(value, "\uFFFD")
	}
	return list
}

// readBody reads at most limit bytes. It counts after decompression, because a small body may decompress to a huge
// one.
func readBody(charger *budget.Charger, resp *http.Response, limit int64) ([]byte, error) {
	if resp.Request.Method == http.MethodHead {
		return nil, nil
	}
	tooLarge := finalErrorf("the response body is larger than %s; raise max_response or ask for less", flows.SizeText(limit))
	if resp.ContentLength > limit {
		return nil, tooLarge
	}
	room := min(max(resp.ContentLength, 512), 1<<20) + 1 // one byte more, to see the end without growing
	content, err := readAll(charger, io.LimitReader(resp.Body, limit+1), room)
	if err != nil {
		return nil, err
	}
	if int64(len(content)) > limit {
		return nil, tooLarge
	}
	return content, nil
}

// readAll is io.ReadAll with a first buffer of room bytes. It reads a longer body in pieces and joins them at the
// end, because a growing buffer would be copied many times.
func readAll(charger *budget.Charger, r io.Reader, room int64) ([]byte, error) {
	first, err := readPiece(charger, r, room)
	if err != nil || len(first) < cap(first) {
		return first, err
	}
	held := charger.Part()
	defer held.Drop()
	pieces, size := [][]byte{first}, len(first)
	for last := first; len(last) == cap(last); size += len(last) {
		if last, err = readPiece(held, r, min(2*int64(len(last)), 1<<20)); err != nil {
			return nil, err
		}
		pieces = append(pieces, last)
	}
	if err := charger.Charge(int64(size - len(first))); err != nil {
		return nil, err
	}
	content := make([]byte, size)
	rest := content
	for _, piece := range pieces {
		rest = rest[bulk.Copy(rest, piece):]
	}
	return content, nil
}

// readPiece reads up to room bytes. A piece that is not full is the last one.
func readPiece(charger *budget.Charger, r io.Reader, room int64) ([]byte, error) {
	if err := charger.Charge(room); err != nil {
		return nil, err
	}
	piece, size := make([]byte, room), 0
	for size < len(piece) {
		n, err := r.Read(piece[size:])
		if size += n; err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
	}
	return piece[:size], nil
}
