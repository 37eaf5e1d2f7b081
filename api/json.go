package api

import (
	"bytes"
	"encoding/json"
	"strings"

	"github.com/gin-gonic/gin"
)

// readJSON decodes a body into a struct and refuses what the struct does not
// have. Without a body the struct stays as it is.
func (a *API) readJSON(c *gin.Context, into any) error {
	body, err := a.readEvent(c)
	if err != nil || len(body) == 0 {
		return err
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		return badRequest("bad_json", "the body is not what is expected here: "+strings.TrimPrefix(err.Error(), "json: "))
	}
	return nil
}
