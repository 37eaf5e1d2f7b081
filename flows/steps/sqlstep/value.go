package sqlstep

import (
	"encoding/hex"
	"encoding/json"
	"math"
	"math/big"
	"strconv"
	"strings"
	"time"

	"github.com/penstock/penstock/flows"
	"github.com/penstock/penstock/flows/steps/internal/content"
	"github.com/penstock/penstock/internal/bulk"
	"github.com/penstock/penstock/internal/payload"
)

// sqlValue converts a value scanned from a column of the given type.
func sqlValue(dialect flows.Dialect, column string, v any) any {
	column = strings.ToUpper(column)
	switch v := v.(type) {
	case int64:
		if column == "BOOLEAN" || column == "BOOL" { // SQLite
			return v != 0
		}
		return json.Number(strconv.FormatInt(v, 10))
	case uint64:
		return json.Number(strconv.FormatUint(v, 10))
	case float32:
		return sqlFloat(float64(v), 32)
	case float64:
		return sqlFloat(v, 64)
	case time.Time:
		return sqlTime(column, v)
	case string:
		return sqlText(column, v)
	case []byte:
		if dialect == flows.MySQL && (column == "DATE" || column == "DATETIME" || column == "TIMESTAMP") {
			return mysqlTime(column, string(v))
		}
		return sqlBytes(dialect, column, v)
	}
	return v
}

// sqlFloat returns Infinity, -Infinity or NaN, as databases write them, for values that JSON has no number for.
func sqlFloat(f float64, bits int) any {
	switch {
	case math.IsInf(f, 1):
		return "Infinity"
	case math.IsInf(f, -1):
		return "-Infinity"
	case math.IsNaN(f):
		return "NaN"
	}
	return json.Number(strconv.FormatFloat(f, 'g', -1, bits))
}

// sqlTime formats a time as RFC 3339, or as the part of it that the column has. A column without a time zone is taken
// as UTC.
func sqlTime(column string, t time.Time) any {
	switch {
	case column == "DATE":
		return t.Format(time.DateOnly)
	case column == "TIME":
		return t.Format("15:04:05.999999999")
	case column == "DATETIMEOFFSET":
		return t.Format(time.RFC3339Nano)
	}
	return t.UTC().Format(time.RFC3339Nano)
}

// mysqlTime formats a date or time of MySQL as sqlTime does; null for 0000-00-00. A date with a zero month or day, which
// stands for an unknown one, stays as MySQL writes it.
func mysqlTime(column, text string) any {
	if strings.HasPrefix(text, "0000-00-00") {
		return nil
	}
	if column == "DATE" {
		return text
	}
	t, err := time.Parse(time.DateTime, text) // also with a fraction
	if err != nil {
		return text
	}
	return t.Format(time.RFC3339Nano)
}

func sqlText(column, text string) any {
	switch column {
	case "NUMERIC", "DECIMAL", "MONEY", "SMALLMONEY", "UNSIGNED BIGINT":
		if content.IsNumber(text) {
			return json.Number(text)
		}
	case "JSON", "JSONB":
		if v, err := flows.DecodeJSON([]byte(text)); err == nil {
			return v
		}
	}
	return strings.ToValidUTF8(text, "\uFFFD")
}

// sqlBytes returns text for a text column, else base64.
func sqlBytes(dialect flows.Dialect, column string, value []byte) any {
	switch {
	case column == "UNIQUEIDENTIFIER" && len(value) == 16:
		return sqlServerUUID(value)
	case column == "BIT" && dialect == flows.MySQL:
		return json.Number(new(big.Int).SetBytes(value).String())
	case isBinary(column) || dialect == flows.SQLite: // in SQLite, text is never bytes
		return payload.EncodeBase64(value)
	}
	return sqlText(column, bulk.Text(value))
}

func isBinary(column string) bool {
	switch column {
	case "BYTEA", "BINARY", "VARBINARY", "BLOB", "TINYBLOB", "MEDIUMBLOB", "LONGBLOB", "IMAGE", "GEOMETRY", "ROWVERSION", "TIMESTAMP", "UDT", "VECTOR":
		return true
	}
	return false
}

// sqlServerUUID reverses the bytes of the first three groups, which SQL Server sends in little-endian order.
func sqlServerUUID(b []byte) string {
	turned := []byte{b[3], b[2], b[1], b[0], b[5], b[4], b[7], b[6]}
	text := hex.EncodeToString(append(turned, b[8:]...))
	return text[:8] + "-" + text[8:12] + "-" + text[12:16] + "-" + text[16:20] + "-" + text[20:]
}
