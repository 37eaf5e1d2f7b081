package httprecorder

import (
	"io"
	"net/http"
	"testing"
)

func TestRecorder(t *testing.T) {
	t.Parallel()
	r := New(5)
	if r.Status != 0 || !r.Complete() {
		t.Errorf("new: %+v", r)
	}
	r.Header().Set("A", "b")
	r.WriteHeader(http.StatusTeapot)
	r.WriteHeader(http.StatusOK)
	for _, part := range []string{"abc", "def", "ghi"} {
		if n, err := io.WriteString(r, part); n != 3 || err != nil {
			t.Errorf("wrote %d, %v", n, err)
		}
	}
	if r.Status != http.StatusTeapot || r.Body.String() != "abcde" || r.Body.Size() != 9 || r.Complete() || r.Header().Get("A") != "b" {
		t.Errorf("%+v, %q", r, r.Body.String())
	}
	if r = New(5); r.Status != 0 {
		t.Error("a status before anything is written")
	}
	if r.Flush(); r.Status != http.StatusOK {
		t.Errorf("flushed: %d", r.Status)
	}
}
