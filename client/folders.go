package client

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Folder is a folder of flows, as the caller sees it.
type Folder struct {
	Name    string        `json:"folder"` // "crm/contacts"; "/" is the top
	Flows   []int64       `json:"flows"`  // in the folder itself
	Rights  []string      `json:"rights"` // of the caller
	Grants  []FolderGrant `json:"grants"` // nil: the caller does not administer the folder
	Version string        `json:"version,omitempty"`
	Updated time.Time     `json:"updated_at,omitzero"`
}

// FolderGrant gives rights in a folder and in the folders in it.
type FolderGrant struct {
	To     string   `json:"to"`     // "user:ann", "group:crm-team", "key:k1", "client:c1"
	Rights []string `json:"rights"` // run, see, payloads, edit, operate, administer
}

// FolderPath returns the path of a folder; "/" is the top.
func FolderPath(name string) string {
	if name = strings.Trim(name, "/"); name == "" {
		name = "~"
	}
	return "/v1/folders/" + url.PathEscape(strings.ReplaceAll(name, "/", "."))
}

// Folder reads a folder.
func (c *Client) Folder(ctx context.Context, name string) (*Folder, error) {
	f := &Folder{}
	return f, c.Call(ctx, http.MethodGet, FolderPath(name), nil, f)
}

// SetGrants replaces the grants of a folder that was read; without any it takes all rights. The *Error has the status 412 when
// somebody else has changed them since.
func (c *Client) SetGrants(ctx context.Context, f *Folder, grants []FolderGrant) error {
	header := http.Header{"Content-Type": {"application/json"}}
	if f.Version == "" {
		header.Set("If-None-Match", "*")
	} else {
		header.Set("If-Match", `"`+f.Version+`"`)
	}
	method, body := http.MethodDelete, []byte(nil)
	if len(grants) > 0 {
		var err error
		if body, err = json.Marshal(map[string]any{"grants": grants}); err != nil {
			return fmt.Errorf("encode grants: %w", err)
		}
		method = http.MethodPut
	} else if f.Version == "" {
		return nil // there are none
	}
	_, err := c.send(ctx, method, FolderPath(f.Name), body, header)
	return err
}
