// Package bulk copies large memory in pieces. The Go runtime cannot stop a
// goroutine inside one copy, and a collection begins only when all have
// stopped: a copy of 100 MB into new pages, whose first use costs a page fault
// each, would stop the whole process for as long as it takes.
package bulk

import (
	"runtime"
	"strings"
	"unsafe"
)

// chunkSize is how much is copied at once, bytes: 64 pages, well below a
// millisecond.
const chunkSize = 256 << 10

// chunkLen is the number of elements of a piece.
func chunkLen[T any]() int {
	var element T
	return max(1, chunkSize/max(1, int(unsafe.Sizeof(element))))
}

// Copy is the built-in copy. Others may compute between two pieces.
func Copy[T any](to, from []T) int {
	n, each := min(len(to), len(from)), chunkLen[T]()
	for at := 0; at < n; at += each {
		if at > 0 {
			runtime.Gosched()
		}
		copy(to[at:min(at+each, n)], from[at:])
	}
	return n
}

// Grow returns a list to which one more element can be appended without a large
// copy: append(bulk.Room(list), v) is append(list, v) otherwise.
func Grow[T any](list []T) []T {
	if len(list) < cap(list) || len(list) < chunkLen[T]() {
		return list // the common case is inlined
	}
	return enlarge(list)
}

// enlarge has room for a fourth more elements, as lists have that append grows.
func enlarge[T any](list []T) []T {
	larger := make([]T, len(list), len(list)+len(list)/4)
	Copy(larger, list)
	return larger
}

// Append is append(content, text...) for content that has the room.
func Append(content []byte, text string) []byte {
	for len(text) > chunkSize {
		content, text = append(content, text[:chunkSize]...), text[chunkSize:]
		runtime.Gosched()
	}
	return append(content, text...)
}

// Bytes is []byte(text).
func Bytes(text string) []byte {
	content := make([]byte, len(text))
	Copy(content, unsafe.Slice(unsafe.StringData(text), len(text)))
	return content
}

// Text is string(content).
func Text(content []byte) string {
	if len(content) <= chunkSize {
		return string(content)
	}
	return EncodeChunks(content, len(content), chunkSize, func(part []byte) string {
		return unsafe.String(unsafe.SliceData(part), len(part))
	})
}

// EncodeChunks is what write makes of content, written in parts of so many bytes:
// a text of size bytes.
func EncodeChunks(content []byte, size, each int, write func([]byte) string) string {
	var text strings.Builder
	text.Grow(size)
	for at := 0; at < len(content); at += each {
		if at > 0 {
			runtime.Gosched()
		}
		text.WriteString(write(content[at:min(at+each, len(content))]))
	}
	return text.String()
}
