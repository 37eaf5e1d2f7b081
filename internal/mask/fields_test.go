package mask

import (
	"encoding/json"
	"testing"
)

func TestFields(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ value, want, unnamed string }{
		{`{"Token":"t","a":[{"token":{"b":1}},"text",null],"n":2}`, `{"Token":"***","a":[{"token":"***"},"text",null],"n":2}`, ``},
		{`["text",[1,true,null],{"tokens":"kept"}]`, `["text",[1,true,null],{"tokens":"kept"}]`, `["***",["***",true,null],{"tokens":"kept"}]`},
		{`"text"`, `"text"`, `"***"`},
		{`null`, `null`, `null`},
	} {
		if c.unnamed == "" {
			c.unnamed = c.want
		}
		var v any
		if err := json.Unmarshal([]byte(c.value), &v); err != nil {
			t.Fatal(err)
		}
		fields := Fields{"token"}
		for what, got := range map[string]any{c.want: fields.Value(v), c.unnamed: fields.Unnamed(v)} {
			if text, _ := json.Marshal(got); string(text) != what {
				t.Errorf("%s: %s, want %s", c.value, text, what)
			}
		}
		if text, _ := json.Marshal(v); string(text) != c.value {
			t.Errorf("%s has become %s", c.value, text)
		}
	}
}
