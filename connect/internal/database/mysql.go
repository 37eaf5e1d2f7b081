package database

import (
	"fmt"
	"net"

	"github.com/go-sql-driver/mysql"

	"github.com/penstock/penstock/connect/internal/server"
	"github.com/penstock/penstock/flows"
)

// MySQL is the type of connections with such a server.
func MySQL() flows.ConnectionType {
	return flows.ConnectionType{
		Name: "mysql", Summary: "A MySQL or MariaDB database.", Fields: databaseFields("3306"),
		Open: func(s flows.ConnectionSettings) (flows.Client, error) {
			trust, err := server.TLSConfig(s)
			if err != nil {
				return nil, err
			}
			config := mysql.NewConfig()
			config.Net, config.Addr = "tcp", net.JoinHostPort(s.Text["host"], s.Text["port"])
			config.User, config.Passwd, config.DBName = s.Text["username"], s.Text["password"], s.Text["database"]
			config.TLS, config.Timeout = trust, server.DialLimit
			config.Logger = &mysql.NopLogger{} // its default logger writes to standard error
			config.ParseTime = false           // dates with a zero month or day are no times
			config.Params = map[string]string{"time_zone": "'+00:00'"}
			reading := new(responseLimiter)
			config.DialFunc = reading.DialContext
			config.ClientFoundRows = true // an update counts matched rows, as with other databases
			c, err := mysql.NewConnector(config)
			if err != nil {
				return nil, fmt.Errorf("make configuration: %w", err)
			}
			return reading.limitPool(newPool(s, flows.MySQL, c)), nil
		},
	}
}
