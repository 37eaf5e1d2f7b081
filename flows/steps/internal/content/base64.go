package content

import (
	"context"
	"encoding/base64"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/steps/internal/failure"
)

// DecodeBase64 renders a template to bytes from base64, as `parse: bytes` and encode produce it.
func DecodeBase64(ctx context.Context, in *flows.Input, value *flows.Template) ([]byte, error) {
	v, err := value.Render(ctx, in)
	if err != nil {
		return nil, err
	}
	text, ok := v.(string)
	if !ok {
		return nil, failure.Errorf("base64 is %s, not text", TypeName(v))
	}
	content, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, failure.Errorf("base64 does not hold base64: %v", err)
	}
	return content, nil
}
