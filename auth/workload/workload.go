package workload

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/penstock/penstock/auth/oidc"
)

const (
	// maxToken is the size of a token in bytes.
	maxToken = 8 << 10
	// leeway is how far the clocks may be apart for iat and nbf.
	leeway = time.Minute
	// maxTold is the length of what the audit log has of a token, in bytes.
	maxTold = 500
)

// RefusedError reports a token that is not exchanged. Its text is for the caller, and has nothing of the rules.
type RefusedError struct{ Reason string }

func (e *RefusedError) Error() string { return e.Reason }

// Identity is a program that a rule lets in.
type Identity struct {
	Rule    *Rule
	ID      string    // jti
	Expires time.Time // of the token of the CI
	Told    string    // the rule, and what the token says about the program, for the audit log
}

// Rules know who is let in. Safe for concurrent use.
type Rules struct {
	rules   []Rule
	issuers map[string]*oidc.Issuer
	now     func() time.Time
}

// New returns Rules. audience is that of rules that name none: the issuer of this installation. now may be nil.
func New(rules []Rule, audience string, now func() time.Time) *Rules {
	if now == nil {
		now = time.Now
	}
	all := &Rules{rules: slices.Clone(rules), issuers: map[string]*oidc.Issuer{}, now: now}
	for i := range all.rules {
		r := &all.rules[i]
		if r.Audience == "" {
			r.Audience = audience
		}
		if all.issuers[r.Issuer] == nil {
			all.issuers[r.Issuer] = oidc.NewIssuer(r.Issuer, now)
		}
	}
	return all
}

// All returns the rules. They must not be modified.
func (rs *Rules) All() []Rule {
	if rs == nil {
		return nil
	}
	return rs.rules
}

// Knows reports whether a token says that it is of an issuer of some rule. Nothing is verified, and nobody is asked: the addresses that are
// contacted are those of rules.
func (rs *Rules) Knows(token string) bool { return rs != nil && rs.issuerOf(token) != nil }

func (rs *Rules) issuerOf(token string) *oidc.Issuer {
	if len(token) > maxToken {
		return nil
	}
	parsed, err := jwt.ParseSigned(token, []jose.SignatureAlgorithm{jose.RS256, jose.ES256, jose.EdDSA})
	if err != nil {
		return nil
	}
	var claims struct {
		Issuer string `json:"iss"`
	}
	if parsed.UnsafeClaimsWithoutVerification(&claims) != nil {
		return nil
	}
	return rs.issuers[claims.Issuer]
}

// Check returns the first rule that lets in the program with a token. That the token was not used before is for the caller to check. Errors:
// *RefusedError, *oidc.AwayError.
func (rs *Rules) Check(ctx context.Context, token string) (*Identity, error) {
	issuer := rs.issuerOf(token)
	if issuer == nil || strings.ContainsAny(token, "\r\n") {
		return nil, &RefusedError{"the token is not a JWT of at most 8 KiB that an issuer of the rules has signed with RS256, ES256 or EdDSA"}
	}
	claims, err := issuer.Claims(ctx, token)
	var refused *oidc.RefusedError
	switch {
	case errors.As(err, &refused):
		return nil, &RefusedError{"the token is over, or its issuer has not signed it"}
	case err != nil:
		return nil, err
	}
	id, expires, err := rs.checkTimes(claims)
	if err != nil {
		return nil, err
	}
	for i := range rs.rules {
		if r := &rs.rules[i]; r.Issuer == claims["iss"] && r.accepts(claims) {
			return &Identity{r, id, expires, tell(r, id, claims)}, nil
		}
	}
	return nil, &RefusedError{"no rule lets this program in: its audience, repository, branch or another claim is not the one that a rule names"}
}

// checkTimes checks what the verifier leaves open: nbf and iat, which may be a minute ahead, and that there is a jti.
func (rs *Rules) checkTimes(claims map[string]any) (id string, expires time.Time, err error) {
	at := func(name string) time.Time {
		seconds, _ := claims[name].(float64)
		return time.Unix(int64(seconds), 0)
	}
	id, _ = claims["jti"].(string)
	switch now := rs.now(); {
	case id == "":
		err = &RefusedError{"the token has no jti"}
	case at("iat").After(now.Add(leeway)) || at("nbf").After(now.Add(leeway)):
		err = &RefusedError{"the token counts later only: check the clock"}
	case claims["iat"] == nil:
		err = &RefusedError{"the token has no iat"}
	}
	return id, at("exp"), err
}

// pullRequests are the claims that say by what a program was started, with the values for which an author outside may have written it: a rule that
// lets those in says so. Read only.
var pullRequests = map[string][]string{
	"event_name":      {"pull_request", "pull_request_target"}, // GitHub
	"pipeline_source": {"merge_request_event", "external_pull_request_event"},
}

func (r *Rule) accepts(claims map[string]any) bool {
	if !onlyAudience(claims["aud"], r.Audience) {
		return false
	}
	for name, values := range r.conditions {
		if !holds(values, claims[name]) {
			return false
		}
	}
	for name, outside := range pullRequests {
		if text, _ := claims[name].(string); r.conditions[name] == nil && slices.Contains(outside, text) {
			return false
		}
	}
	return true
}

// onlyAudience reports whether a token is for one audience, and for no other.
func onlyAudience(claim any, want string) bool {
	if all, ok := claim.([]any); ok && len(all) == 1 {
		claim = all[0]
	}
	text, ok := claim.(string)
	return ok && text == want
}

// told are the claims that say which run of the CI it was. Read only.
var told = []string{"sub", "repository", "project_path", "ref", "environment", "run_id", "run_attempt", "pipeline_id", "job_id", "job_workflow_ref", "actor"}

func tell(r *Rule, id string, claims map[string]any) string {
	text := "rule " + r.Name + ", jti " + quoted(id)
	if repository, run := claims["repository"], claims["run_id"]; r.Issuer == "https://token.actions.githubusercontent.com" && repository != nil && run != nil {
		text += fmt.Sprintf(", https://github.com/%v/actions/runs/%v", repository, run)
	}
	for _, name := range told {
		if value, ok := claims[name].(string); ok && value != "" {
			text += ", " + name + " " + quoted(value)
		}
	}
	if len(text) > maxTold {
		text = strings.ToValidUTF8(text[:maxTold], "") + "…"
	}
	return text
}

func quoted(text string) string {
	out, _ := json.Marshal(text) // a text: cannot fail
	return string(out)
}
