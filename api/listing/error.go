package listing

import "strconv"

// Error is a mistake in the parameters of a listing. Its text is for the caller.
type Error struct {
	Param    string // name of the parameter; empty: the query string itself
	Position int    // position of the mistake in its value, in characters from 1; 0: the whole value
	Message  string
}

func (e *Error) Error() string {
	switch {
	case e.Param == "":
		return e.Message
	case e.Position == 0:
		return e.Param + ": " + e.Message
	}
	return e.Param + ", position " + strconv.Itoa(e.Position) + ": " + e.Message
}
