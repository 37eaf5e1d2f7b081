package importer_test

import (
	"strings"
	"testing"
)

// Of several bodies one is sent, and that is listed once for all operations; those that are only other names of it are not.
func TestSeveralBodies(t *testing.T) {
	t.Parallel()
	const object = "{schema: {type: object, properties: {a: {type: string}}}}"
	const file = "{schema: {type: object, properties: {a: {type: string}, file: {type: string, format: binary}}}}"
	for content, want := range map[string]string{
		"application/json: " + object: "",
		"application/json: " + object + ", text/json: " + object + ", application/*+json: " + object:                     "",
		"application/x-www-form-urlencoded: " + object + ", multipart/form-data: " + object:                              "",
		"application/json: " + object + ", multipart/form-data: " + file:                                                 "of the bodies application/json, multipart/form-data only application/json is sent (in 2 places)",
		"application/x-www-form-urlencoded: " + object + ", multipart/form-data: " + file:                                "only application/x-www-form-urlencoded is sent (in 2 places)",
		"application/json: " + object + ", application/xml: " + object:                                                   "of the bodies application/json, application/xml only application/json is sent (in 2 places)",
		"application/json: " + object + ", text/json: " + file:                                                           "of the bodies application/json, text/json only application/json is sent (in 2 places)",
		"application/json-patch+json: {schema: {type: array, items: {}}}, application/merge-patch+json: " + object:       "only application/json-patch+json is sent (in 2 places)",
		"application/pdf: {schema: {type: string, format: binary}}, image/png: {schema: {type: string, format: binary}}": "only application/pdf is sent (in 2 places)",
	} {
		_, left := imported(t, head+"paths: {/a: {post: {requestBody: {required: true, content: {"+content+"}}}, put: {requestBody: {required: true, content: {"+content+"}}}}}")
		if !strings.Contains(left, want) || want == "" && left != "" || strings.Count(left, "is sent") > 1 {
			t.Errorf("%s: left: %s\nwant %s", content, left, want)
		}
	}
}
