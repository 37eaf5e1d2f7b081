package totp

import (
	"fmt"
	"strings"

	"rsc.io/qr"
)

// Picture is a QR code as the path of an SVG.
type Picture struct {
	Path string // of the dark squares, each 1 wide
	Size int    // width and height, with the margin
}

// margin is the free space around a QR code in squares (ISO/IEC 18004, section 6.3.8).
const margin = 4

// QR returns the QR code of a text.
func QR(text string) (Picture, error) {
	code, err := qr.Encode(text, qr.M)
	if err != nil {
		return Picture{}, fmt.Errorf("draw QR code: %w", err)
	}
	var path strings.Builder
	for y := range code.Size {
		for x := 0; x < code.Size; x++ {
			from := x
			for x < code.Size && code.Black(x, y) {
				x++
			}
			if x > from {
				_, _ = fmt.Fprintf(&path, "M%d %dh%dv1h-%dz", from+margin, y+margin, x-from, x-from) // a Builder returns no error
			}
		}
	}
	return Picture{path.String(), code.Size + 2*margin}, nil
}
