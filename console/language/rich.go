package language

import (
	"context"
	"io"
	"strconv"
	"strings"

	"github.com/a-h/templ"
)

// Rich is a message with components among its arguments, such as a link or a time, each at the place of its %s.
func Rich(key string, args ...any) templ.Component {
	return templ.ComponentFunc(func(ctx context.Context, w io.Writer) error {
		plain, parts := apart(args)
		return write(ctx, w, T(ctx, key, plain...), parts)
	})
}

// RichN is Rich for a message about a number of things, see N.
func RichN(n int, one, more string, args ...any) templ.Component {
	return templ.ComponentFunc(func(ctx context.Context, w io.Writer) error {
		plain, parts := apart(args)
		return write(ctx, w, N(ctx, n, one, more, plain...), parts)
	})
}

// border encloses the number of a component in a message. HTML cannot have it.
const border = "\x00"

// apart returns arguments with the number of each component in its place.
func apart(args []any) (plain []any, parts []templ.Component) {
	for _, arg := range args {
		switch arg := arg.(type) {
		case templ.Component:
			plain = append(plain, border+strconv.Itoa(len(parts))+border)
			parts = append(parts, arg)
		case string:
			plain = append(plain, strings.ReplaceAll(arg, border, ""))
		default:
			plain = append(plain, arg)
		}
	}
	return plain, parts
}

// write writes a message: texts escaped, components as they are.
func write(ctx context.Context, w io.Writer, said string, parts []templ.Component) error {
	for i, piece := range strings.Split(said, border) {
		if i%2 == 0 {
			if _, err := io.WriteString(w, templ.EscapeString(piece)); err != nil {
				return err
			}
			continue
		}
		if n, err := strconv.Atoi(piece); err == nil && n < len(parts) {
			if err := parts[n].Render(ctx, w); err != nil {
				return err
			}
		}
	}
	return nil
}
