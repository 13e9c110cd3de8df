"""One job, several ways to do it: hourly features of 200 assets, from 10-minute readings of 8 metrics and incidents.

For every (asset, hour), float32: per metric the hour's mean, max and (population) std; trailing mean and max of each of
those three over 3, 6, 24 and 168 h; the change of each against 24 h ago; incidents known by then over 24, 168, 720 h;
hours since the last known one; the mean of the 6 nearest neighbours' 24 h counts. That is 8 x 30 + 5 = 245 columns.
"""
