package script

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// maxFrame is the maximum size of a frame in bytes: the largest input or output of a step, with escapes.
const maxFrame = 256 << 20

// Parent and child exchange frames: the length in four bytes, big-endian, followed by JSON of that length.

func writeFrame(w io.Writer, content []byte) error {
	if len(content) > maxFrame {
		return errors.New("write frame: it is too large")
	}
	if _, err := w.Write(binary.BigEndian.AppendUint32(nil, uint32(len(content)))); err != nil {
		return fmt.Errorf("write frame: %w", err)
	}
	if _, err := w.Write(content); err != nil {
		return fmt.Errorf("write frame: %w", err)
	}
	return nil
}

// readFrame returns io.EOF when the other side has ended between two frames.
func readFrame(r io.Reader) ([]byte, error) {
	var length [4]byte
	if _, err := io.ReadFull(r, length[:]); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(length[:])
	if n > maxFrame {
		return nil, errors.New("read frame: it is too large")
	}
	content := make([]byte, n)
	if _, err := io.ReadFull(r, content); err != nil {
		return nil, fmt.Errorf("read frame: %w", err)
	}
	return content, nil
}
