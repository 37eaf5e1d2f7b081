package httpx

import (
	"errors"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/internal/blob"
)

// downloadPause is the time that a caller has for each piece of a file.
const downloadPause = 30 * time.Second

// WriteFile answers with a file of a run, which is never whole in memory. Headers that are set already stay. It returns an
// error while nothing is written; a response that fails later is cut off, which its Content-Length shows.
func WriteFile(c *gin.Context, status int, run, id string) error {
	content, err := openFile(c, run, id)
	if err != nil {
		return err
	}
	defer content.Close()
	h := fileHeader(c)
	h["Content-Length"] = []string{strconv.FormatInt(content.Size(), 10)}
	c.Status(status)
	if c.Request.Method == http.MethodHead {
		c.Writer.WriteHeaderNow()
		return nil
	}
	buffer := make([]byte, 64<<10)
	for {
		KeepOpen(c, downloadPause)
		n, err := content.Read(buffer)
		if n > 0 {
			if _, err := c.Writer.Write(buffer[:n]); err != nil {
				return nil // the caller is gone
			}
		}
		if err == io.EOF {
			c.Writer.WriteHeaderNow() // of an empty file
			return nil
		}
		if err != nil {
			return nil // net/http closes the connection, because the response is shorter than its Content-Length
		}
	}
}

// ServeFile answers with a file of a run, or with the ranges of it that the request asks for. Errors are those before the
// response begins.
func ServeFile(c *gin.Context, run, id string) error {
	content, err := openFile(c, run, id)
	if err != nil {
		return err
	}
	defer content.Close()
	fileHeader(c)
	content.ServeHTTP(c.Writer, c.Request)
	return nil
}

// openFile opens a file of a run.
func openFile(c *gin.Context, run, id string) (*blob.Reader, error) {
	x := StateOf(c)
	if x.frame.Files == nil {
		return nil, noFile(run)
	}
	content, err := x.frame.Files.Open(c.Request.Context(), run, id)
	if errors.Is(err, blob.ErrNotFound) {
		return nil, noFile(run)
	}
	if err != nil {
		return nil, &Fault{Status: http.StatusServiceUnavailable, Code: "unavailable", Message: "files cannot be read now; try again later", Retry: 2 * time.Second, Run: run, Err: err}
	}
	return content, nil
}

// fileHeader sets what the header of a response with a file has, besides what is there.
func fileHeader(c *gin.Context) http.Header {
	sendAsIs(c.Writer)
	h := c.Writer.Header()
	h["X-Content-Type-Options"] = NoSniff
	if h["Cache-Control"] == nil {
		h["Cache-Control"] = NoStore
	}
	if h["Content-Type"] == nil {
		h["Content-Type"] = []string{"application/octet-stream"}
	}
	return h
}

// Coder is a writer that may compress a response. SendAsIs must be called before the response begins.
type Coder interface{ SendAsIs() }

// sendAsIs keeps a response from being compressed: the end of a compressed one does not show whether it is whole.
func sendAsIs(w http.ResponseWriter) {
	for {
		if coder, ok := w.(Coder); ok {
			coder.SendAsIs()
			return
		}
		wrapper, ok := w.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			return
		}
		w = wrapper.Unwrap()
	}
}

func noFile(run string) *Fault {
	return &Fault{Status: http.StatusNotFound, Code: "not_found", Message: "the run has no such file", Run: run}
}
