// Package bulk copies large memory in chunks. The Go runtime cannot stop a goroutine inside of one copy, and a
// garbage collection starts only when all goroutines have stopped. A copy of 100 MB into new pages, each of which
// costs a page fault, would stop the whole process for its duration.
package bulk

import (
	"runtime"
	"strings"
	"unsafe"
)

// chunkSize is the number of bytes copied at once: 64 pages, well below a millisecond.
const chunkSize = 256 << 10

// chunkLen returns the number of elements in a chunk.
func chunkLen[T any]() int {
	var element T
	return max(1, chunkSize/max(1, int(unsafe.Sizeof(element))))
}

// Copy is the built-in copy in chunks. Other goroutines may run between two chunks.
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

// Grow returns a list with room for one more element without a large copy: use append(bulk.Grow(list), v) for
// append(list, v).
func Grow[T any](list []T) []T {
	if len(list) < cap(list) || len(list) < chunkLen[T]() {
		return list // the common case is inlined
	}
	return enlarge(list)
}

// enlarge adds capacity for a fourth more elements, as append does.
func enlarge[T any](list []T) []T {
	larger := make([]T, len(list), len(list)+len(list)/4)
	Copy(larger, list)
	return larger
}

// Append is append(content, text...) for a content that has the capacity.
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

// EncodeChunks returns the text of size bytes that write produces for content, in chunks of each bytes.
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
