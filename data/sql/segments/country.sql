-- segments/country · {texts}: as many parameters as there are countries
contacts.region in ({texts})
