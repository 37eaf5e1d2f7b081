package flows

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"

	"github.com/penstock/penstock/internal/blob"
)

// maxTestFiles is the maximum size of all files of a test in bytes.
const maxTestFiles = 64 << 20

// storeTestFiles returns a value in which each object {file: {text: …}} is a file of the run. The contents are text, base64 or
// json; beside them are name and content_type. The value itself is not changed.
func storeTestFiles(ctx context.Context, files *blob.Store, run string, v any) (any, error) {
	switch v := v.(type) {
	case []any:
		list := make([]any, len(v))
		for i, element := range v {
			stored, err := storeTestFiles(ctx, files, run, element)
			if err != nil {
				return nil, err
			}
			list[i] = stored
		}
		return list, nil
	case map[string]any:
		if described, ok := v["file"].(map[string]any); ok && len(v) == 1 {
			return storeTestFile(ctx, files, run, described)
		}
		object := make(map[string]any, len(v))
		for name, member := range v {
			stored, err := storeTestFiles(ctx, files, run, member)
			if err != nil {
				return nil, err
			}
			object[name] = stored
		}
		return object, nil
	}
	return v, nil
}

func storeTestFile(ctx context.Context, files *blob.Store, run string, described map[string]any) (any, error) {
	name, _ := described["name"].(string)
	contentType, _ := described["content_type"].(string)
	var content []byte
	switch text, isText := described["text"].(string); {
	case isText:
		content = []byte(text)
	case described["json"] != nil:
		content = EncodeJSON(described["json"])
	default:
		text, ok := described["base64"].(string)
		var err error
		if content, err = base64.StdEncoding.DecodeString(text); err != nil || !ok {
			return nil, fmt.Errorf("a file of the test has no content: expected text, base64 or json beside its name")
		}
	}
	info, err := files.Put(ctx, run, 0, bytes.NewReader(content))
	if err != nil {
		return nil, err
	}
	return NewFile(info, name, contentType).Value(), nil
}
