Ò„XL£&X ù¶EÉˆé‹°ĞÎ*f~Ëş'-ÉK	§Äó…¼!(!x#application/vnd.ringmint.rules+cose öX@]:îÖ¼ÈÔ¯ë´#ôÔG4²ZCPXˆbbmvJš.r–€ıøÛ]o¯º
úèÏiRI6å:ÆÔÏ4'ü°¥