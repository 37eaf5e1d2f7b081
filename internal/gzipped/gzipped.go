// Package gzipped compresses files that are served many times.
package gzipped

import (
	"bytes"
	"compress/gzip"
)

// Best returns a text compressed as much as gzip can.
func Best(plain []byte) []byte {
	var b bytes.Buffer
	w, _ := gzip.NewWriterLevel(&b, gzip.BestCompression) // the level is one that exists
	_, _ = w.Write(plain)                                 // a bytes.Buffer never fails
	_ = w.Close()
	return b.Bytes()
}
