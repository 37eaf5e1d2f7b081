package flows

import (
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/penstock/penstock/api/httpx"
	"github.com/penstock/penstock/store"
)

// changeOf returns what a request to deploy says about the change: who makes it, the parameter message, and in If-Match
// or If-None-Match the version on which it is based (RFC 9110, sections 13.1.1 and 13.1.2).
func changeOf(c *gin.Context, flow int64) (store.Change, error) {
	p := httpx.StateOf(c).Principal
	change := store.Change{By: p.String(), May: p.MayBring(flow)}
	query, err := httpx.Query(c.Request)
	if err != nil {
		return change, err
	}
	change.Message = strings.TrimSpace(query.Get("message"))
	match, none := c.GetHeader("If-Match"), c.GetHeader("If-None-Match")
	switch {
	case match != "" && none != "":
		return change, httpx.BadRequest("bad_precondition", "If-Match and If-None-Match do not go together")
	case none == "*":
		change.Base = store.NoVersion
	case none != "":
		return change, httpx.BadRequest("bad_precondition", "If-None-Match must be *: there must be no flow of the number")
	case match != "":
		if change.Base = versionOf(match); change.Base == "" {
			return change, httpx.BadRequest("bad_precondition", `If-Match must be one version in quotation marks, as in the ETag of the flow`)
		}
	}
	httpx.StateOf(c).Message = change.Message
	return change, nil
}

// versionOf returns the version in a strong ETag; empty: it is none.
func versionOf(tag string) string {
	version, quoted := strings.CutPrefix(tag, `"`)
	version, ends := strings.CutSuffix(version, `"`)
	if !quoted || !ends || version == store.NoVersion || strings.ContainsAny(version, `", `) {
		return ""
	}
	return version
}
