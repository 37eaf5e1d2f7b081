package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/penstock/penstock/app"
	"github.com/penstock/penstock/app/cli/command"
	"github.com/penstock/penstock/client"
	"github.com/penstock/penstock/internal/localhost"
)

// loginArgs are the arguments of `login` besides the server.
type loginArgs struct {
	name, user              string
	passwordFile, tokenFile string
}

func newLogin(e command.Env) *cobra.Command {
	var args loginArgs
	cmd := &cobra.Command{
		Use:   "login URL",
		Short: "Get a token from a server and use that server for commands",
		Long: "Get a token for a user's name and password, store it in the user's configuration directory\n" +
			"(readable by that user only), and use that server for commands. The password is prompted for,\n" +
			"or read from --password-file or standard input; it is not stored. The server sets the lifetime\n" +
			"of the token, 30 minutes for a user; `penstock client token` creates longer ones for --token-file.",
		Example: "  penstock login https://penstock.example.org --user ann\n" +
			"  penstock login https://penstock.example.org --name prod --token-file token\n" +
			"  penstock context use prod",
		Args: command.ExactArgs(1),
	}
	f := cmd.Flags()
	f.StringVar(&args.name, "name", "", "`name` of the context; default: the server's host")
	f.StringVar(&args.user, "user", "", "the user's `name`; default: "+app.EnvUser+", else it is asked for")
	f.StringVar(&args.passwordFile, "password-file", "", "`file` with the password, - for standard input")
	f.StringVar(&args.tokenFile, "token-file", "", "`file` with a token, - for standard input, instead of a password")
	cmd.RunE = func(cmd *cobra.Command, urls []string) error { return logIn(cmd, e, urls[0], args) }
	return cmd
}

func logIn(cmd *cobra.Command, e command.Env, server string, args loginArgs) error {
	base, err := url.Parse(strings.TrimRight(server, "/"))
	if err != nil || base.Host == "" || base.Scheme != "http" && base.Scheme != "https" || base.User != nil || base.RawQuery != "" {
		return command.Invalid(fmt.Errorf("log in: %q is no URL such as https://penstock.example.org", server))
	}
	if base.Scheme == "http" && !localhost.Is(base.Hostname()) {
		fmt.Fprintln(cmd.ErrOrStderr(), "warning: the connection is not encrypted: others on the way can read the password and the token")
	}
	l, err := command.ReadContexts()
	if err != nil {
		return err
	}
	made := &command.ContextEntry{URL: base.String(), User: args.user}
	if args.tokenFile != "" {
		if made.Token, err = command.ReadFile(cmd.InOrStdin(), args.tokenFile); err == nil && made.Token == "" {
			err = errors.New("it is empty")
		}
		if err != nil {
			return fmt.Errorf("read token: %w", err)
		}
	} else if err := fetchToken(cmd, e, made, args); err != nil {
		return err
	}
	if args.name == "" {
		args.name = base.Host
	}
	l.All[args.name], l.Current = made, args.name
	if err := l.Save(); err != nil {
		return err
	}
	until := ""
	if !made.Expires.IsZero() {
		until = ", until " + made.Expires.Local().Format(time.TimeOnly)
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "Logged in to %s%s. Commands talk to this server; %q is its name for `penstock context`.\n", made.URL, until, args.name)
	return err
}

// fetchToken asks for missing credentials and gets a token.
func fetchToken(cmd *cobra.Command, e command.Env, l *command.ContextEntry, args loginArgs) error {
	if l.User == "" {
		l.User = e[app.EnvUser]
	}
	in := bufio.NewReader(cmd.InOrStdin())
	var err error
	if l.User == "" {
		fmt.Fprint(cmd.ErrOrStderr(), "User: ")
		if l.User, err = line(in); err != nil {
			return fmt.Errorf("read user: %w", err)
		}
	}
	password := ""
	switch stdin, isFile := cmd.InOrStdin().(*os.File); {
	case args.passwordFile != "":
		password, err = command.ReadFile(in, args.passwordFile)
	case e[app.EnvPassword] != "" || e[app.EnvPassword+"_FILE"] != "":
		password, err = e.Secret(app.EnvPassword)
	case isFile && term.IsTerminal(int(stdin.Fd())):
		fmt.Fprint(cmd.ErrOrStderr(), "Password: ")
		var typed []byte
		typed, err = term.ReadPassword(int(stdin.Fd()))
		fmt.Fprintln(cmd.ErrOrStderr())
		password = string(typed)
	default:
		password, err = line(in)
	}
	if err != nil {
		return fmt.Errorf("read password: %w", err)
	}
	return requestToken(cmd.Context(), l, password)
}

func line(in *bufio.Reader) (string, error) {
	text, err := in.ReadString('\n')
	if errors.Is(err, io.EOF) && text != "" {
		err = nil
	}
	return strings.TrimRight(text, "\r\n"), err
}

// loginLimit is the maximum duration of the request for a token.
const loginLimit = 15 * time.Second

// requestToken gets a token for a server (RFC 6749, section 4.3). It does not follow redirects, which could lead the password to another
// server.
func requestToken(ctx context.Context, l *command.ContextEntry, password string) error {
	ctx, cancel := context.WithTimeout(ctx, loginLimit)
	defer cancel()
	form := url.Values{"grant_type": {"password"}, "username": {l.User}, "password": {password}}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, l.URL+"/token", strings.NewReader(form.Encode()))
	if err != nil {
		return fmt.Errorf("log in: %w", err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	h := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	w, err := h.Do(r)
	if err != nil {
		return fmt.Errorf("log in: %w: %w", client.ErrUnreachable, err)
	}
	defer w.Body.Close()
	text, err := io.ReadAll(io.LimitReader(w.Body, 1<<20))
	if err != nil {
		return fmt.Errorf("log in: read answer: %w", err)
	}
	var answer struct {
		Token       string `json:"access_token"`
		Seconds     int64  `json:"expires_in"`
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}
	_ = json.Unmarshal(text, &answer) // a response that is not JSON has no token
	switch {
	case answer.Error == "invalid_grant" || w.StatusCode == http.StatusUnauthorized || w.StatusCode == http.StatusForbidden:
		return fmt.Errorf("log in: %w", &client.Error{Status: http.StatusUnauthorized, Message: "wrong user or password, or a user without the role api_user"})
	case w.StatusCode != http.StatusOK || answer.Token == "":
		if answer.Description == "" {
			answer.Description = "this is no answer of a Penstock server"
		}
		return fmt.Errorf("log in: %w", &client.Error{Status: w.StatusCode, Message: answer.Description})
	}
	l.Token = answer.Token
	if answer.Seconds > 0 {
		l.Expires = time.Now().Add(time.Duration(answer.Seconds) * time.Second).Truncate(time.Second)
	}
	return nil
}
