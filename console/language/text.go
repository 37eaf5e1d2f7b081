package language

import (
	"context"
	"strconv"
	"strings"

	"golang.org/x/text/number"
)

// T returns a message in the language of a context. key is its English text, with verbs as in fmt for the arguments; numbers are written as the
// language does. A message that the language does not have is in English.
func T(ctx context.Context, key string, args ...any) string { return Of(ctx).text(key, args...) }

// In is T for a text whose English is the same as that of another message in another place, such as Run on a button and in the head of a
// column. Its key has the place behind the text: "Run (button)".
func In(ctx context.Context, place, text string) string {
	l := Of(ctx)
	if said := l.find(text + " (" + place + ")"); said != text+" ("+place+")" {
		return l.mark(said)
	}
	return l.mark(text)
}

// N is T for a message about a number of things, which is its first argument: one is the English text for 1, more for other numbers,
// and the key.
func N(ctx context.Context, n int, one, more string, args ...any) string {
	return Of(ctx).count(n, one, more, args...)
}

// Key marks an English text as the key of a message that T says later.
func Key(text string) string { return text }

func (l *Language) text(key string, args ...any) string {
	if len(args) > 0 {
		return l.mark(l.numbers.Sprintf(key, args...))
	}
	return l.mark(l.find(key))
}

func (l *Language) count(n int, one, more string, args ...any) string {
	key := more
	if n == 1 && l.plain == nil {
		key = one
	}
	return l.mark(l.numbers.Sprintf(key, append([]any{n}, args...)...))
}

func (l *Language) mark(text string) string {
	if l.marked {
		return "⟦" + text + "⟧"
	}
	return text
}

// Int writes a whole number as the language does.
func Int[I int | int64](ctx context.Context, n I) string {
	if -1000 < n && n < 1000 {
		return strconv.Itoa(int(n))
	}
	return Of(ctx).numbers.Sprint(number.Decimal(n))
}

// Decimal writes a number with a fixed number of digits after the decimal sign, and in no groups.
func Decimal(ctx context.Context, x float64, digits int) string {
	return strings.Replace(strconv.FormatFloat(x, 'f', digits, 64), ".", Of(ctx).point, 1)
}
