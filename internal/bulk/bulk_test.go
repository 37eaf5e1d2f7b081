package bulk

import (
	"bytes"
	"encoding/hex"
	"slices"
	"strings"
	"testing"
)

// sizes are those around the ends of pieces.
func sizes() []int { return []int{0, 1, chunkSize - 1, chunkSize, chunkSize + 1, 3*chunkSize + 7} }

func sample(n int) []byte {
	content := make([]byte, n)
	for i := range content {
		content[i] = byte(i * 31 >> 3)
	}
	return content
}

func TestPiecesMakeTheWhole(t *testing.T) {
	t.Parallel()
	for _, n := range sizes() {
		content := sample(n)
		if got := Text(content); got != string(content) {
			t.Errorf("text of %d bytes differs", n)
		}
		if got := Bytes(string(content)); !bytes.Equal(got, content) {
			t.Errorf("bytes of %d bytes differ", n)
		}
		if got := Append([]byte("x"), string(content)); string(got) != "x"+string(content) {
			t.Errorf("with %d bytes more it differs", n)
		}
		if got := EncodeChunks(content, hex.EncodedLen(n), chunkSize, hex.EncodeToString); got != hex.EncodeToString(content) {
			t.Errorf("hex of %d bytes differs", n)
		}
	}
}

// A copy does not change with its source.
func TestNothingIsShared(t *testing.T) {
	t.Parallel()
	content := sample(2 * chunkSize)
	text := Text(content)
	other := Bytes(text)
	clear(content)
	if text == string(content) || strings.Compare(text, string(other)) != 0 {
		t.Error("the text has changed")
	}
	clear(other)
	if text == string(other) {
		t.Error("the text has changed with the bytes made of it")
	}
}

func TestAListGrowsAsWithAppend(t *testing.T) {
	t.Parallel()
	var list, want []any
	for i := range 3*chunkSize/16 + 7 {
		list = append(Grow(list), i)
		want = append(want, i)
	}
	if !slices.Equal(list, want) {
		t.Error("the lists differ")
	}
	if cap(list) > len(list)+len(list)/2 {
		t.Errorf("room for %d, %d are there", cap(list), len(list))
	}
	long := list[:chunkLen[any]():chunkLen[any]()]
	if larger := Grow(long); cap(larger) == len(long) || &larger[0] == &long[0] {
		t.Error("a long list without room was given none")
	}
}
