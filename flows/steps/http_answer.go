package steps

import (
	"io"
	"net/http"
	"net/url"
	"strings"

	"penstock/internal/budget"
)

// httpAnswer is a response that was expected, read and parsed.
type httpAnswer struct {
	url    *url.URL // of the last request, after redirects
	status int
	header http.Header
	body   any
	size   int64 // of the body, bytes, decompressed
}

// item is the answer as flows see it.
func (a *httpAnswer) item() map[string]any {
	headers := make(map[string]any, len(a.header))
	for name, values := range a.header {
		headers[strings.ToLower(name)] = strings.ToValidUTF8(strings.Join(values, ", "), "\uFFFD")
	}
	return map[string]any{"status": a.status, "headers": headers, "body": a.body}
}

// readBody reads at most limit bytes, counted after decompression: a small
// body may unfold into a huge one.
func readBody(tab *budget.Tab, resp *http.Response, limit int64) ([]byte, error) {
	if resp.Request.Method == http.MethodHead {
		return nil, nil
	}
	tooLarge := finally("the response body is larger than %s; raise max_response or ask for less", sizeText(limit))
	if resp.ContentLength > limit {
		return nil, tooLarge
	}
	room := min(max(resp.ContentLength, 512), 1<<20) + 1 // one more, so that the end is seen without growing
	content, err := readAll(tab, io.LimitReader(resp.Body, limit+1), make([]byte, 0, room))
	if err != nil {
		return nil, err
	}
	if int64(len(content)) > limit {
		return nil, tooLarge
	}
	return content, nil
}

// readAll is io.ReadAll into a buffer of a size that fits.
func readAll(tab *budget.Tab, r io.Reader, content []byte) ([]byte, error) {
	if err := tab.Charge(int64(cap(content))); err != nil {
		return nil, err
	}
	for {
		if size := len(content); size == cap(content) {
			content = append(content, 0)[:size]
			if err := tab.Charge(int64(cap(content) - size)); err != nil {
				return nil, err
			}
		}
		n, err := r.Read(content[len(content):cap(content)])
		content = content[:len(content)+n]
		if err == io.EOF {
			return content, nil
		}
		if err != nil {
			return nil, err
		}
	}
}
