package history

import (
	"encoding/binary"
	"errors"
	"maps"
	"slices"
)

// A stored summary is a format and unsigned varints (encoding/binary); a text has its length before it, a list the number of its
// elements:
//
//	format runs properties{values{value n}} took wait steps{step times}
//
// The properties are in the order of Properties. Times are the bucket of the first count, and a list of counts.
const summaryFormat = 1

var errSummary = errors.New("history: the summary is none that this version can read")

// encode returns the summary as it is stored.
func (s *summary) encode() []byte {
	b := make([]byte, 0, 256)
	b = append(b, summaryFormat)
	b = binary.AppendUvarint(b, uint64(s.Runs))
	b = binary.AppendUvarint(b, uint64(len(Properties())))
	for _, property := range Properties() {
		counts := s.Counts[property]
		b = binary.AppendUvarint(b, uint64(len(counts)))
		for value, n := range counts {
			b = binary.AppendUvarint(appendText(b, value), uint64(n))
		}
	}
	b = s.Wait.append(s.Took.append(b))
	b = binary.AppendUvarint(b, uint64(len(s.Steps)))
	for _, name := range slices.Sorted(maps.Keys(s.Steps)) {
		b = s.Steps[name].append(appendText(b, name))
	}
	return b
}

func appendText(b []byte, text string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(text))), text...)
}

func (h *histogram) append(b []byte) []byte {
	b = binary.AppendUvarint(binary.AppendUvarint(b, uint64(h.First)), uint64(len(h.Counts)))
	for _, n := range h.Counts {
		b = binary.AppendUvarint(b, uint64(n))
	}
	return b
}

// decodeSummary reads a stored summary. Properties of a newer version are left out.
func decodeSummary(b []byte) (*summary, error) {
	if len(b) == 0 || b[0] != summaryFormat {
		return nil, errSummary
	}
	r := &summaryReader{rest: b[1:]}
	s := newSummary()
	s.Runs = int64(r.number())
	for i := range r.length() {
		counts := map[string]int64{}
		for range r.length() {
			value := r.text()
			counts[value] = int64(r.number())
		}
		if i < len(Properties()) {
			s.Counts[Properties()[i]] = counts
		}
	}
	s.Took, s.Wait = r.histogram(), r.histogram()
	for range r.length() {
		name, times := r.text(), r.histogram()
		s.Steps[name] = &times
	}
	if r.failed {
		return nil, errSummary
	}
	return s, nil
}

// summaryReader reads what is left of a stored summary.
type summaryReader struct {
	rest   []byte
	failed bool
}

func (r *summaryReader) number() uint64 {
	n, size := binary.Uvarint(r.rest)
	if size <= 0 {
		r.rest, r.failed = nil, true
		return 0
	}
	r.rest = r.rest[size:]
	return n
}

// length reads the number of elements or bytes that follow, each of at least a byte.
func (r *summaryReader) length() int {
	n := r.number()
	if n > uint64(len(r.rest)) {
		r.rest, r.failed = nil, true
		return 0
	}
	return int(n)
}

func (r *summaryReader) text() string {
	n := r.length()
	text := string(r.rest[:n])
	r.rest = r.rest[n:]
	return text
}

func (r *summaryReader) histogram() histogram {
	h := histogram{First: int(min(r.number(), maxBucket))}
	if n := r.length(); n > 0 {
		h.Counts = make([]int64, n)
	}
	for i := range h.Counts {
		h.Counts[i] = int64(r.number())
	}
	return h
}
