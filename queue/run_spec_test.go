package queue

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestASpecComesBackAsItWent(t *testing.T) {
	t.Parallel()
	for _, want := range []Spec{
		{Flow: 69, Version: "abc", Accepted: time.UnixMicro(1795280000123456), Limit: time.Minute},
		{
			Flow: -1, Version: "v", Principal: "key:a|b,c", Accepted: time.UnixMicro(0), Limit: 1, Sync: true, ReplayOf: "r",
			Params: map[string]string{"a": "x\x1fy", "b": ""}, Headers: map[string]string{"h": "☃"}, Trace: map[string]string{"traceparent": "00-1-2-01"},
			Depth: 31,
		},
		{Flow: 1, Version: "v", Accepted: time.UnixMicro(1), Limit: time.Second, ResumedFrom: "b", Origin: "a"},
		{Flow: 1, Accepted: time.UnixMicro(0), RequestID: "4YY5KIG42"},
	} {
		b, err := encodeSpec(&want)
		if err != nil {
			t.Fatal(err)
		}
		var got Spec
		if err := decodeSpec(string(b), &got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	}
}

func TestABrokenSpecIsAnError(t *testing.T) {
	t.Parallel()
	if _, err := encodeSpec(&Spec{Principal: "a\x1fb"}); err == nil {
		t.Error("a separator within a field was accepted")
	}
	if _, err := encodeSpec(&Spec{RequestID: "a\x1fb"}); err == nil {
		t.Error("a separator within the id of the request was accepted")
	}
	whole, err := encodeSpec(&Spec{Flow: 1})
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"", "2" + string(whole[1:]), string(whole) + "\x1f", string(whole) + "\x1f1\x1f", strings.Replace(string(whole), "1\x1f1\x1f", "1\x1fx\x1f", 1)} {
		if err := decodeSpec(text, &Spec{}); err == nil {
			t.Errorf("%q was accepted", text)
		}
	}
}
