package secretstore

import (
	"fmt"
	"path"
	"regexp"
	"strings"
	"unicode"
)

// Names of the stores, which are the schemes of references.
const (
	StoreVault = "vault"
	StoreEnv   = "env"
	StoreFile  = "file"
	StoreExec  = "exec"
)

// maxReference is the maximum length of a reference in bytes.
const maxReference = 1024

// Reference names a secret in a store, such as vault://kv/crm#token. It is no secret itself.
type Reference struct {
	Store  string // one of the names above
	Path   string // kv/crm, NAME, /run/secrets/crm, or NAME/argument
	Member string // after the #; empty: the whole value
}

// String returns the reference as it is written.
func (r Reference) String() string {
	if r.Member == "" {
		return r.document()
	}
	return r.document() + "#" + r.Member
}

// document names what is read from the store: references that differ in their members only share one reading.
func (r Reference) document() string { return r.Store + "://" + r.Path }

var (
	envName    = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,254}$`)
	execName   = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,63}$`)
	memberName = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]{0,254}$`)
)

// Forms describes the references, for messages.
const Forms = "vault://PATH#MEMBER, env://NAME, file:///PATH or exec://COMMAND/ARGUMENT"

// Parse reads a reference. The error never quotes the text, which may be a secret that was put into the wrong field.
func Parse(text string) (Reference, error) {
	store, rest, ok := strings.Cut(text, "://")
	switch {
	case !ok || store != StoreVault && store != StoreEnv && store != StoreFile && store != StoreExec:
		return Reference{}, fmt.Errorf("is no reference: it is one of %s", Forms)
	case len(text) > maxReference:
		return Reference{}, fmt.Errorf("is longer than %d bytes", maxReference)
	case strings.ContainsFunc(rest, func(r rune) bool { return !unicode.IsPrint(r) || unicode.IsSpace(r) || r == unicode.ReplacementChar }):
		return Reference{}, fmt.Errorf("has a space or a character that cannot be seen in it")
	}
	r := Reference{Store: store}
	r.Path, r.Member, ok = strings.Cut(rest, "#")
	if ok && !memberName.MatchString(r.Member) {
		return Reference{}, fmt.Errorf("names no member after its #: it consists of letters, digits, '_', '.' and '-'")
	}
	return r, r.check()
}

// check checks the path.
func (r Reference) check() error {
	switch r.Store {
	case StoreVault:
		return r.checkVault()
	case StoreEnv:
		if !envName.MatchString(r.Path) || r.Member != "" {
			return fmt.Errorf("is not env://NAME with the name of an environment variable")
		}
	case StoreFile:
		if !path.IsAbs(r.Path) || path.Clean(r.Path) != r.Path || r.Path == "/" {
			return fmt.Errorf("is not file:///PATH with an absolute path without . and .. in it")
		}
	case StoreExec:
		name, argument, given := strings.Cut(r.Path, "/")
		if !execName.MatchString(name) || given && (argument == "" || argument[0] == '-') {
			return fmt.Errorf("is not exec://COMMAND or exec://COMMAND/ARGUMENT with the name of a command, and an argument that does not begin with '-'")
		}
	}
	return nil
}

// checkVault refuses what is no secret: the endpoints of the system and of the logins.
func (r Reference) checkVault() error {
	mount, rest, _ := strings.Cut(r.Path, "/")
	switch {
	case r.Member == "":
		return fmt.Errorf("names no member: vault://PATH#MEMBER")
	case mount == "" || rest == "" || path.Clean(r.Path) != r.Path || strings.HasPrefix(r.Path, "../") || strings.ContainsAny(r.Path, "?%\\"):
		return fmt.Errorf("is not vault://MOUNT/PATH#MEMBER with a path without ., .., ?, %% and \\ in it")
	case mount == "sys" || mount == "auth" || mount == "identity" || mount == "cubbyhole":
		return fmt.Errorf("is in %s/, which has no secrets for flows", mount)
	}
	return nil
}
