// Package codec stands for MessagePack, which Gin can speak and no route does:
// see ../README.md.
package codec

import (
	"errors"
	"io"
)

var errLeftOut = errors.New("MessagePack is left out of this build")

// MsgpackHandle is what Gin makes of the options.
type MsgpackHandle struct{}

// Encoder encodes nothing.
type Encoder struct{}

// NewEncoder returns an Encoder whose Encode fails.
func NewEncoder(io.Writer, *MsgpackHandle) *Encoder { return &Encoder{} }

// Encode always fails.
func (*Encoder) Encode(any) error { return errLeftOut }

// Decoder decodes nothing.
type Decoder struct{}

// NewDecoder returns a Decoder whose Decode fails.
func NewDecoder(io.Reader, *MsgpackHandle) *Decoder { return &Decoder{} }

// Decode always fails.
func (*Decoder) Decode(any) error { return errLeftOut }
