package script

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/penstock/penstock/flows"
)

// Frames come as they were sent, in whatever pieces the pipe gives them.
func TestFrames(t *testing.T) {
	t.Parallel()
	var pipe bytes.Buffer
	sent := []string{"", "x", strings.Repeat("y", 100_000), "", "{}"}
	for _, s := range sent {
		if err := writeFrame(&pipe, []byte(s)); err != nil {
			t.Fatal(err)
		}
	}
	r := iotest.OneByteReader(&pipe)
	for _, want := range sent {
		if got, err := readFrame(r); err != nil || string(got) != want {
			t.Errorf("a frame of %d bytes came as %d, %v", len(want), len(got), err)
		}
	}
	if _, err := readFrame(r); !errors.Is(err, io.EOF) {
		t.Errorf("after the last one: %v", err)
	}
}

// A child that is cut off, or that sends what is no frame, is noticed; a length alone does not fill the memory.
func TestBrokenFrames(t *testing.T) {
	t.Parallel()
	length := func(n uint32) string { return string(binary.BigEndian.AppendUint32(nil, n)) }
	for name, sent := range map[string]string{
		"half a length":         "\x00\x00",
		"no content":            length(3),
		"half of the content":   length(3) + "x",
		"larger than allowed":   length(maxFrame+1) + "x",
		"the largest number":    length(1<<32-1) + "x",
		"text instead of frame": "panic: runtime error",
	} {
		if got, err := readFrame(strings.NewReader(sent)); err == nil || errors.Is(err, io.EOF) && name != "no content" {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	if err := writeFrame(io.Discard, make([]byte, maxFrame+1)); err == nil {
		t.Error("a frame that is too large is sent")
	}
	for _, after := range []int{1, 5} {
		if err := writeFrame(&shortWriter{left: after}, []byte("content")); !errors.Is(err, io.ErrShortWrite) {
			t.Errorf("the pipe breaks after %d bytes: %v", after, err)
		}
	}
}

// shortWriter fails after some bytes.
type shortWriter struct{ left int }

func (w *shortWriter) Write(p []byte) (int, error) {
	if len(p) > w.left {
		return w.left, io.ErrShortWrite
	}
	w.left -= len(p)
	return len(p), nil
}

// A child whose reply cannot be read does not get another script: it might answer that one with this one's output.
func TestPoolEndsChildrenThatLie(t *testing.T) {
	t.Parallel()
	const ready = `printf '\000\000\000\000'; `
	const wait = `; while read -r line; do :; done`
	for name, c := range map[string]struct {
		command string
		kept    int
	}{
		"no JSON":        {ready + `printf '\000\000\000\001x'` + wait, 0},
		"another type":   {ready + `printf '\000\000\000\004"ab"'` + wait, 0},
		"not ready":      {`printf 'hello, world'` + wait, 0},
		"ends at once":   {`exit 1`, 0},
		"ends when read": {ready + `exit 0`, 0},
		"an empty reply": {ready + `printf '\000\000\000\002{}'` + wait, 1}, // of the protocol, though of no use
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, err := NewPool(Config{Command: []string{"/bin/sh", "-c", c.command}, Size: 1})
			if err != nil {
				t.Fatal(err)
			}
			defer p.Close()
			got, err := p.Eval(t.Context(), newScript("return 1", "{}"))
			if err == nil || got.Items != nil {
				t.Errorf("%q, %v", got.Items, err)
			}
			var told *flows.Error
			if errors.As(err, &told) && strings.Contains(told.Message, "ab") {
				t.Errorf("what the child wrote is shown: %v", err)
			}
			if len(p.idle) != c.kept {
				t.Errorf("%d children are kept, want %d", len(p.idle), c.kept)
			}
		})
	}
}
