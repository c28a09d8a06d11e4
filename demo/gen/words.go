package gen

// Words for names and addresses. Letters outside ASCII are wanted: labels,
// pages and files have to carry them. Nobody here exists.

var (
	// Goods with a lot and an expiry date.
	freshGoods = []string{
		"Green tea", "Ground coffee", "Oat biscuits", "Dark chocolate", "Olive oil", "Muesli bar",
		"Vitamin C", "Zinc tablets", "Hand cream", "Sun lotion", "Face wash", "Toothpaste",
		"Cat treats", "Dog biscuits", "Honey", "Plum jam", "Rice crackers", "Herbal balm",
		"Contact lens fluid", "Protein powder",
	}
	// Goods without.
	hardGoods = []string{
		"Mug", "Water bottle", "Lunch box", "Notebook", "Fountain pen", "Desk lamp", "Power bank", "USB cable",
		"Headphones", "Mouse", "Keyboard", "Phone stand", "Bike lock", "Bell", "Rain cape", "Wool socks",
		"Scarf", "Gloves", "Cap", "Apron", "Tea towel", "Chef's knife", "Cutting board", "Frying pan",
		"Whisk", "Measuring cup", "Candle", "Picture frame", "Alarm clock", "Umbrella",
	}
	kinds = []string{"classic", "small", "large", "blue", "red", "natural", "travel", "set of 2"}

	firstNames = []string{
		"Anna", "Björn", "Chloé", "Dagny", "Émile", "Femke", "Grażyna", "Håkon", "Ines", "Jörg",
		"Katarzyna", "Lukas", "Maëlle", "Niels", "Oskar", "Piet", "Renée", "Søren", "Tilda", "Zoë",
	}
	lastNames = []string{
		"Ahlström", "Bakker", "Castaing", "De Wit", "Ebner", "Fischer", "Gruber", "Højgaard", "Jansen", "Kowalski",
		"Lefèvre", "Müller", "Nowak", "Olsen", "Péters", "Quist", "Rørdam", "Schäfer", "Thomas", "Wójcik",
	}
	streets = []string{"Hauptstraße", "Lindenweg", "Rue du Moulin", "Dorpsstraat", "Strandvej", "Kerkplein", "Ringstraße", "Ogrodowa", "Am Bächle", "Quai Sud"}
	cities  = []struct{ postcode, city, country string }{
		{"10115", "Berlin", "DE"},
		{"50667", "Köln", "DE"},
		{"80331", "München", "DE"},
		{"1010", "Wien", "AT"},
		{"8010", "Graz", "AT"},
		{"1012 AB", "Amsterdam", "NL"},
		{"67000", "Strasbourg", "FR"},
		{"2100", "København", "DK"},
		{"00-001", "Warszawa", "PL"},
		{"4000", "Liège", "BE"},
	}
	workerNames = []string{"Mira", "Jonas", "Ayşe", "Tomáš", "Lene", "Paweł"}
)
