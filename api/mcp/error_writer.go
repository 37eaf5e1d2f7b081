package mcp

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
)

// rpcError returns a response of JSON-RPC that tells of an error. A nil id is null.
func rpcError(id json.RawMessage, code int, message string) []byte {
	var of any
	if id != nil {
		of = id
	}
	text, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": of, "error": map[string]any{"code": code, "message": message}})
	if err != nil {
		panic(err) // texts and an id that was parsed can be encoded
	}
	return text
}

// errorWriter makes responses of JSON-RPC of the plain texts with which the protocol's library refuses requests.
type errorWriter struct {
	http.ResponseWriter
	id   json.RawMessage
	text *bytes.Buffer // of a refusal; nil: the response is passed on
}

// maxRefusal bounds the text of a refusal that is kept, in bytes.
const maxRefusal = 4 << 10

// WriteHeader keeps a refusal for finish.
func (w *errorWriter) WriteHeader(status int) {
	h := w.Header()
	if status < http.StatusBadRequest || !strings.HasPrefix(h.Get("Content-Type"), "text/plain") {
		w.ResponseWriter.WriteHeader(status)
		return
	}
	w.text = new(bytes.Buffer)
	h.Set("Content-Type", "application/json; charset=utf-8")
	w.ResponseWriter.WriteHeader(status)
}

func (w *errorWriter) Write(p []byte) (int, error) {
	if w.text == nil {
		return w.ResponseWriter.Write(p)
	}
	w.text.Write(p[:min(len(p), maxRefusal-w.text.Len())])
	return len(p), nil
}

// Flush passes events on.
func (w *errorWriter) Flush() {
	if f, ok := w.ResponseWriter.(http.Flusher); ok && w.text == nil {
		f.Flush()
	}
}

// Unwrap is for http.ResponseController.
func (w *errorWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// finish writes a refusal.
func (w *errorWriter) finish() {
	if w.text == nil {
		return
	}
	code, text := int(jsonrpc.CodeInvalidRequest), strings.TrimSpace(w.text.String())
	if strings.Contains(text, "method not found") || strings.Contains(text, "unsupported method") || strings.Contains(text, "not handled") {
		code = jsonrpc.CodeMethodNotFound
	}
	_, _ = w.ResponseWriter.Write(rpcError(w.id, code, text)) // an error means that the client has disconnected
}
