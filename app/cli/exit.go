package cli

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/penstock/penstock/app"
	"github.com/penstock/penstock/client"
)

// The exit codes, for scripts. They are in docs/cli.md.
const (
	exitFailed  = 1 // anything else
	exitUsage   = 2 // the server, or we, did not understand what is wanted
	exitDenied  = 3 // nobody proved who calls, or who does may not
	exitMissing = 4 // what is named is not there
	exitRun     = 5 // the run was accepted and did not succeed
	exitAway    = 6 // the server does not answer, or not now: try again
	exitRunning = 7 // the run was accepted and goes on
)

// exitCode says what became of a command.
func exitCode(err error) int {
	var answer *client.Error
	var usage usageError
	var settings app.SettingsError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &usage), errors.As(err, &settings):
		return exitUsage
	case errors.Is(err, errNobody):
		return exitDenied
	case errors.Is(err, errRunning):
		return exitRunning
	case errors.Is(err, errRunFailed):
		return exitRun
	case errors.Is(err, client.ErrUnreachable):
		return exitAway
	case !errors.As(err, &answer):
		return exitFailed
	case answer.Run != "" && answer.Status != http.StatusServiceUnavailable:
		return exitRun
	}
	switch answer.Status {
	case http.StatusUnauthorized, http.StatusForbidden:
		return exitDenied
	case http.StatusNotFound, http.StatusGone:
		return exitMissing
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return exitAway
	case http.StatusBadRequest, http.StatusUnprocessableEntity, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType, http.StatusConflict:
		return exitUsage
	}
	return exitFailed
}

// errRunFailed is a run that ended otherwise than well.
var errRunFailed = errors.New("the run did not succeed")

// errRunning is a run that was not seen to its end.
var errRunning = errors.New("the run goes on")

// goesOn says of a run that it goes on, and what to do about it.
func goesOn(id string) error {
	return fmt.Errorf("%w: penstock runs watch %s shows it, penstock runs cancel %s ends it", errRunning, id, id)
}

// usageError is a command line that cannot be followed.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }
