package report

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/wardround/wardround/slo"
)

func TestRecurringInWords(t *testing.T) {
	from := time.Date(2026, time.September, 6, 2, 30, 0, 0, time.UTC)
	for _, tc := range [][2]string{
		{"FREQ=DAILY", "Every day at 02:30"},
		{"FREQ=HOURLY;INTERVAL=6", "Every 6 hours from 6 Sep 2026 02:30 on"},
		{"FREQ=WEEKLY;INTERVAL=2;BYDAY=SU;WKST=MO", "Every 2 weeks on Sunday at 02:30"},
		{"FREQ=WEEKLY;BYDAY=SU,WE;COUNT=10", "Every week on Sunday and Wednesday at 02:30, 10 times in all,"},
		{"FREQ=MONTHLY;BYDAY=1SU", "Every month on the first Sunday at 02:30"},
		{"FREQ=MONTHLY;BYDAY=-1SU;UNTIL=20261231", "Every month on the last Sunday at 02:30, until 31 December 2026,"},
		{"FREQ=MONTHLY;BYMONTHDAY=6,21,23", "Every month on the 6th, 21st and 23rd of the month at 02:30"},
		{"FREQ=MONTHLY;BYDAY=SU,MO;BYSETPOS=1", "Every month on Sunday and Monday, only the first of these, at 02:30"},
		{"FREQ=YEARLY;BYMONTH=9;BYDAY=1SU", "Every year in September on the first Sunday at 02:30"},
		{"FREQ=DAILY;BYHOUR=2,14", "Every day at 02:30 and 14:30"},
		{"FREQ=YEARLY;BYMONTH=9,12;BYMONTHDAY=-2,6", "Every year in September and December on the second to last and 6th of the month at 02:30"},
		{"FREQ=WEEKLY;BYDAY=SU;UNTIL=20261231T120000Z", "Every week on Sunday at 02:30, until 31 December 2026,"},
	} {
		rule, words := tc[0], tc[1]
		t.Run(rule, func(t *testing.T) {
			x := slo.Exclusion{
				ID: "x", From: from, To: from.Add(time.Hour), Rule: rule, Mode: slo.Remove, Category: slo.Correction, Approver: "A", Reason: "R",
			}
			require.Equal(t, words+" for 1h, 2 times in this month", when(&x, 2, time.UTC))
		})
	}
}
