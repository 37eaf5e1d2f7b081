package httpx

import (
	"fmt"
	"testing"
)

// A fault in a package variable is shared by many requests: the run of one of them must not appear in the responses
// to the others.
func TestASharedFaultIsCopied(t *testing.T) {
	t.Parallel()
	shared := &Fault{Status: 503, Code: "overloaded", Message: "try again later"}
	f := FaultOf(fmt.Errorf("open stream: %w", shared))
	f.Run = "run-1"
	if shared.Run != "" || f.Status != 503 || f.Code != "overloaded" {
		t.Errorf("shared %+v, its copy %+v", shared, f)
	}
}
