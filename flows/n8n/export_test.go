package n8n

// Expr returns the jq program for an expression. Its input is the item. The time zone is UTC.
func Expr(src string) (string, error) {
	t, _, err := jqExpr(src, &place{w: &workflow{}, node: &node{}})
	return t.code, err
}
