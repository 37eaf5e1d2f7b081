package cli

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/penstock/penstock/app"
	"github.com/penstock/penstock/client"
)

// Exit codes for scripts, documented in docs/cli.md.
const (
	exitFailed  = 1 // any other failure
	exitUsage   = 2 // invalid command line, setting or request
	exitDenied  = 3 // no or invalid credentials, or no permission
	exitMissing = 4 // the named object does not exist
	exitRun     = 5 // the run was accepted and did not succeed
	exitAway    = 6 // the server is unavailable: try again
	exitRunning = 7 // the run was accepted and has not ended
)

// exitCode returns the exit code for the error of a command.
func exitCode(err error) int {
	var answer *client.Error
	var usage usageError
	var settings app.SettingsError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &usage), errors.As(err, &settings):
		return exitUsage
	case errors.Is(err, errNoCredentials):
		return exitDenied
	case errors.Is(err, errRunGoesOn):
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

// errRunFailed reports a run that ended without success.
var errRunFailed = errors.New("the run did not succeed")

// errRunGoesOn reports that the command ended before the run.
var errRunGoesOn = errors.New("the run goes on")

// runGoesOn returns an errRunGoesOn with the commands to watch and to cancel the run.
func runGoesOn(id string) error {
	return fmt.Errorf("%w: penstock runs watch %s shows it, penstock runs cancel %s ends it", errRunGoesOn, id, id)
}

// usageError reports an invalid command line.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }
