package mask

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"
)

func TestSecretsAreMasked(t *testing.T) {
	t.Parallel()
	ctx, s := With(t.Context())
	Add(ctx, `pa&"s word`, "12345678", "short")
	given := []any{
		map[string]any{`a pa&"s word`: `x pa&"s word y`, "n": json.Number("12345678"), "i": 12345678, "other": 123456789},
		"https://h/?key=pa%26%22s+word", "https://h/pa&%22s%20word", `{"k":"pa\u0026\"s word"}`,
		"Basic " + base64.StdEncoding.EncodeToString([]byte("12345678")), "short", nil, true,
	}
	before, _ := json.Marshal(given)
	want := []any{
		map[string]any{"a ***": "x *** y", "n": "***", "i": "***", "other": 123456789},
		"https://h/?key=***", "https://h/***", `{"k":"***"}`, "Basic ***=", "short", nil, true,
	}
	if got := s.Values(given); !reflect.DeepEqual(got, want) {
		t.Errorf("%v\nwant %v", got, want)
	}
	if after, _ := json.Marshal(given); string(after) != string(before) {
		t.Errorf("the values have changed: %s", after)
	}
	if got := Of(t.Context()).Values(given); &got[0] != &given[0] {
		t.Error("values without secrets are copied")
	}
}

func TestSecretsAreMaskedInAStream(t *testing.T) {
	t.Parallel()
	ctx, s := With(t.Context())
	Add(ctx, "hunter22")
	text := strings.Repeat("hunter2hunter22 ", 5000)
	want := strings.Repeat("hunter2*** ", 5000)
	for name, r := range map[string]io.Reader{"whole": strings.NewReader(text), "bytes": iotest.OneByteReader(strings.NewReader(text)), "with EOF": iotest.DataErrReader(strings.NewReader(text))} {
		if got, err := io.ReadAll(s.Reader(r)); err != nil || string(got) != want {
			t.Errorf("%s: %d bytes, %v", name, len(got), err)
		}
	}
	broken := errors.New("broken")
	got, err := io.ReadAll(s.Reader(io.MultiReader(strings.NewReader("a hunter22 b"), iotest.ErrReader(broken))))
	if string(got) != "a *** b" || !errors.Is(err, broken) {
		t.Errorf("%q, %v", got, err)
	}
}
