package smartsync

import (
	"encoding/json"

	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/api/httpx"
)

// successOpen is the envelope of a successful response of the SmartSYNC API up to the output. Read only.
var successOpen = []byte(`{"success":true,"output":`)

// failure is the envelope of all other responses of the SmartSYNC API.
type failure struct {
	Success bool        `json:"success"` // false
	Error   failureBody `json:"error"`
}

type failureBody struct {
	Code  int    `json:"code"` // the HTTP status
	Msg   string `json:"msg"`
	RunID string `json:"run_id,omitempty"`
}

// WriteFault writes a fault in the envelope of a failure.
func WriteFault(c *gin.Context, f *httpx.Fault) {
	text, err := json.Marshal(failure{Error: failureBody{Code: f.Status, Msg: f.Message, RunID: f.Run}})
	if err != nil {
		panic(err) // strings and numbers always encode
	}
	httpx.Write(c, f.Status, httpx.TypeJSON, text)
}
